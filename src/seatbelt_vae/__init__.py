"""Train, attack and measure variational autoencoders that are hard to fool.

The names below are imported when they are first used, so that ``import seatbelt_vae`` is instant
and does not import torch.

Example:
    >>> import seatbelt_vae
    >>> seatbelt_vae.ModelConfig(preset="seatbelt", depth=4).preset
    'seatbelt'
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seatbelt_vae.attacks import (
        FunctionLoss,
        LatentLoss,
        OutputLoss,
        attack,
        judged_attack,
        run_battery,
    )
    from seatbelt_vae.config import (
        AttackConfig,
        DataConfig,
        EvaluationConfig,
        ModelConfig,
        ObjectiveConfig,
        Penalty,
        Preset,
        RunConfig,
        TrainingConfig,
    )
    from seatbelt_vae.data import load
    from seatbelt_vae.errors import SeatbeltError
    from seatbelt_vae.evaluation import evaluate, measure_battery
    from seatbelt_vae.models import HierarchicalVAE, load_model
    from seatbelt_vae.objectives import PenaltyInput, PenaltyLoss
    from seatbelt_vae.protocol import Autoencoder, Posterior
    from seatbelt_vae.report import write_comparison, write_report
    from seatbelt_vae.results import Store
    from seatbelt_vae.runs import RunFolder
    from seatbelt_vae.sharing import share
    from seatbelt_vae.sweep import Job, run_sweep
    from seatbelt_vae.training import train

__all__ = [
    "AttackConfig",
    "Autoencoder",
    "DataConfig",
    "EvaluationConfig",
    "FunctionLoss",
    "HierarchicalVAE",
    "Job",
    "LatentLoss",
    "ModelConfig",
    "ObjectiveConfig",
    "OutputLoss",
    "Penalty",
    "PenaltyInput",
    "PenaltyLoss",
    "Posterior",
    "Preset",
    "RunConfig",
    "RunFolder",
    "SeatbeltError",
    "Store",
    "TrainingConfig",
    "attack",
    "evaluate",
    "judged_attack",
    "load",
    "load_model",
    "measure_battery",
    "run_battery",
    "run_sweep",
    "share",
    "train",
    "write_comparison",
    "write_report",
]

__version__ = "0.1.0"

_HOMES = {
    "attacks": (
        "FunctionLoss",
        "LatentLoss",
        "OutputLoss",
        "attack",
        "judged_attack",
        "run_battery",
    ),
    "config": (
        "AttackConfig",
        "DataConfig",
        "EvaluationConfig",
        "ModelConfig",
        "ObjectiveConfig",
        "Penalty",
        "Preset",
        "RunConfig",
        "TrainingConfig",
    ),
    "data": ("load",),
    "errors": ("SeatbeltError",),
    "evaluation": ("evaluate", "measure_battery"),
    "models": ("HierarchicalVAE", "load_model"),
    "objectives": ("PenaltyInput", "PenaltyLoss"),
    "protocol": ("Autoencoder", "Posterior"),
    "report": ("write_comparison", "write_report"),
    "results": ("Store",),
    "runs": ("RunFolder",),
    "sharing": ("share",),
    "sweep": ("Job", "run_sweep"),
    "training": ("train",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
