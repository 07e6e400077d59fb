"""Train, attack and measure variational autoencoders that are hard to fool.

Names are imported when they are first used, so that ``import seatbelt_vae`` does not import torch.

Example:
    >>> import seatbelt_vae
    >>> seatbelt_vae.ModelConfig(preset="seatbelt", depth=4).preset
    'seatbelt'
"""

from typing import TYPE_CHECKING

from seatbelt_vae.references import lazy_lookup

if TYPE_CHECKING:
    from seatbelt_vae.attacks import (
        FunctionLoss,
        LatentLoss,
        OutputLoss,
        attack,
        checked_attack,
        run_suite,
    )
    from seatbelt_vae.auditing import audit
    from seatbelt_vae.config import (
        AttackConfig,
        AuditConfig,
        DataConfig,
        EvaluationConfig,
        HardeningConfig,
        ModelConfig,
        ObjectiveConfig,
        Penalty,
        Preset,
        RunConfig,
        TrainingConfig,
    )
    from seatbelt_vae.data import load_data
    from seatbelt_vae.errors import SeatbeltError
    from seatbelt_vae.evaluation import evaluate, measure_suite
    from seatbelt_vae.hardening import defend
    from seatbelt_vae.models import HierarchicalVAE, load_model
    from seatbelt_vae.objectives import (
        DefendedBatch,
        InputDefence,
        PenaltyInput,
        PenaltyLoss,
    )
    from seatbelt_vae.protocol import Autoencoder, Posterior
    from seatbelt_vae.report import write_comparison, write_report
    from seatbelt_vae.results import Store
    from seatbelt_vae.runs import RunFolder
    from seatbelt_vae.sharing import share
    from seatbelt_vae.subjects import Subject, open_subject, subject_of_model, wrap
    from seatbelt_vae.sweep import run_sweep
    from seatbelt_vae.training import train
    from seatbelt_vae.workflow import Job

__all__ = [
    "AttackConfig",
    "AuditConfig",
    "Autoencoder",
    "DataConfig",
    "DefendedBatch",
    "EvaluationConfig",
    "FunctionLoss",
    "HardeningConfig",
    "HierarchicalVAE",
    "InputDefence",
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
    "Subject",
    "TrainingConfig",
    "attack",
    "audit",
    "checked_attack",
    "defend",
    "evaluate",
    "load_data",
    "load_model",
    "measure_suite",
    "open_subject",
    "run_suite",
    "run_sweep",
    "share",
    "subject_of_model",
    "train",
    "wrap",
    "write_comparison",
    "write_report",
]

__version__ = "0.1.0"

_NAMES_BY_MODULE = {
    "attacks": "FunctionLoss LatentLoss OutputLoss attack checked_attack run_suite",
    "auditing": "audit",
    "config": "AttackConfig AuditConfig DataConfig EvaluationConfig HardeningConfig "
    "ModelConfig ObjectiveConfig Penalty Preset RunConfig TrainingConfig",
    "data": "load_data",
    "errors": "SeatbeltError",
    "evaluation": "evaluate measure_suite",
    "hardening": "defend",
    "models": "HierarchicalVAE load_model",
    "objectives": "DefendedBatch InputDefence PenaltyInput PenaltyLoss",
    "protocol": "Autoencoder Posterior",
    "report": "write_comparison write_report",
    "results": "Store",
    "runs": "RunFolder",
    "sharing": "share",
    "subjects": "Subject open_subject subject_of_model wrap",
    "sweep": "run_sweep",
    "training": "train",
    "workflow": "Job",
}

__getattr__ = lazy_lookup(__name__, globals(), _NAMES_BY_MODULE)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
