"""The main job in a few minutes: three models trained, attacked and measured side by side.

Importing this imports no torch; only the models' own processes do.
"""

from seatbelt_vae.demo.plan import DEMO, Plan
from seatbelt_vae.demo.run import DemoResult, run_demo

__all__ = ["DEMO", "DemoResult", "Plan", "run_demo"]
