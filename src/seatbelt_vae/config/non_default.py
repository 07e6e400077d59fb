"""The settings of a run that differ from their defaults; digests are computed over these."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from seatbelt_vae.config.run import RunConfig

__all__ = ["non_default"]


def non_default(run: RunConfig) -> dict[str, Any]:
    """The settings that differ from their default, so that one added later changes no digest.

    Example:
        >>> from seatbelt_vae.config import ObjectiveConfig
        >>> non_default(RunConfig(objective=ObjectiveConfig(beta=4, tc_estimator="mws")))
        {'objective': {'beta': 4.0}}
    """
    return _unlike(asdict(run), asdict(RunConfig()))


def _unlike(settings: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that differ from their default; 4 and 4.0 are the same number."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= {name: differing} if (differing := _unlike(value, default[name])) else {}
        elif value != default[name]:
            found[name] = float(value) if type(value) is int else value
    return found
