"""The demo: three models trained, attacked and measured in a few minutes.

Importing it does not import torch.
"""

from seatbelt_vae.demo.demo_plan import DEMO, Plan
from seatbelt_vae.demo.quick_demo import QuickResult, run_quick_demo
from seatbelt_vae.demo.run_demo import DemoResult, run_demo

__all__ = ["DEMO", "DemoResult", "Plan", "QuickResult", "run_demo", "run_quick_demo"]
