"""Benchmarks: ratios measured side by side in one run, printed as JSON rows; never timed tests."""
