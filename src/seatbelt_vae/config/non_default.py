"""Settings that differ from their defaults, from which digests are computed."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from seatbelt_vae.config.attack import AttackConfig
from seatbelt_vae.config.evaluation import EvaluationConfig
from seatbelt_vae.config.run import RunConfig

__all__ = ["non_default"]


def non_default(settings: RunConfig | AttackConfig | EvaluationConfig) -> dict[str, Any]:
    """The settings that differ from their default, so that a new setting changes no digest.

    Example:
        >>> from seatbelt_vae.config import ObjectiveConfig
        >>> non_default(RunConfig(objective=ObjectiveConfig(beta=4, tc_estimator="mws")))
        {'objective': {'beta': 4.0}}
    """
    return _unlike(asdict(settings), asdict(type(settings)()))


def _unlike(settings: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """Values that differ from the default; 4 and 4.0 are equal."""
    different: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            if nested := _unlike(value, default[name]):
                different[name] = nested
        elif value != default[name]:
            different[name] = float(value) if type(value) is int else value
    return different
