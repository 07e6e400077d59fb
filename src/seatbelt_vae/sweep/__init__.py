"""Sweeps: many models trained, attacked and measured, each in a run folder keyed by its settings.

Importing this imports neither torch nor Ray; only what works on the jobs does.
"""

from seatbelt_vae.sweep.cluster import RayEngine
from seatbelt_vae.sweep.done import is_done
from seatbelt_vae.sweep.engine import Engine, LocalEngine, Task
from seatbelt_vae.sweep.grid import Grid, read_grid
from seatbelt_vae.sweep.job import Job, folder_name
from seatbelt_vae.sweep.run import JobsDone, SweepResult, run_sweep
from seatbelt_vae.sweep.work import do

__all__ = [
    "Engine",
    "Grid",
    "Job",
    "JobsDone",
    "LocalEngine",
    "RayEngine",
    "SweepResult",
    "Task",
    "do",
    "folder_name",
    "is_done",
    "read_grid",
    "run_sweep",
]
