"""What the random streams of a run are for: the second part of their keys."""

__all__ = ["NOISE", "ORDER", "VALIDATION", "WEIGHTS"]

# penalties have the numbers from 4 on
WEIGHTS, ORDER, NOISE, VALIDATION = range(4)
