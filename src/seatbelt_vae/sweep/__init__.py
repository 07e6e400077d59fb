"""Sweeps train, attack and measure many models, each in a run folder named by its settings.

Importing this package imports neither torch nor Ray.
"""

from seatbelt_vae.sweep.cluster import RayEngine
from seatbelt_vae.sweep.engine import Engine, LocalEngine, Task
from seatbelt_vae.sweep.grid import Grid, read_grid
from seatbelt_vae.sweep.run_sweep import JobsDone, SweepResult, finished_runs, run_sweep

__all__ = [
    "Engine",
    "Grid",
    "JobsDone",
    "LocalEngine",
    "RayEngine",
    "SweepResult",
    "Task",
    "finished_runs",
    "read_grid",
    "run_sweep",
]
