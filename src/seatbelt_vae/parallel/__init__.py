"""Processes: groups that share a batch, pools of jobs, and calls of the operating system."""
