"""Subjects: adapters of foreign modules, and the kinds of targets."""
