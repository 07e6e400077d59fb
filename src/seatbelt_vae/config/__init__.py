"""All settings, as frozen dataclasses that validate their values and do not import torch."""

from seatbelt_vae.config.adapter import AdapterConfig
from seatbelt_vae.config.attack import AttackConfig
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.config.evaluation import EvaluationConfig
from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.config.image_reading import ReadingConfig
from seatbelt_vae.config.model import Architecture, ModelConfig, resolve
from seatbelt_vae.config.objective import ObjectiveConfig, resolve_objective
from seatbelt_vae.config.presets import PRESETS, Penalty, Preset, preset_of
from seatbelt_vae.config.run import DataConfig, RunConfig
from seatbelt_vae.config.toml import dump_toml, load_toml
from seatbelt_vae.config.training import TrainingConfig

__all__ = [
    "PRESETS",
    "AdapterConfig",
    "Architecture",
    "AttackConfig",
    "AuditConfig",
    "DataConfig",
    "EvaluationConfig",
    "HardeningConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "Penalty",
    "Preset",
    "ReadingConfig",
    "RunConfig",
    "TrainingConfig",
    "dump_toml",
    "load_toml",
    "preset_of",
    "resolve",
    "resolve_objective",
]
