"""Sweeps: many models trained, attacked and measured, each in a run folder keyed by its settings.

Importing this imports neither torch nor Ray; only what works on the jobs does.
"""

from seatbelt_vae.sweep.cluster import RayEngine
from seatbelt_vae.sweep.engine import Engine, LocalEngine, Task
from seatbelt_vae.sweep.grid import Grid, read_grid
from seatbelt_vae.sweep.run import JobsDone, SweepResult, run_sweep

__all__ = [
    "Engine",
    "Grid",
    "JobsDone",
    "LocalEngine",
    "RayEngine",
    "SweepResult",
    "Task",
    "read_grid",
    "run_sweep",
]
