"""Experiment trackers, used through accelerate; each is imported only if it is selected."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.tracking import get_available_trackers

from seatbelt_vae.config import RunConfig
from seatbelt_vae.errors import ConfigError

__all__ = ["Trackers", "check_trackers"]


def check_trackers(names: Sequence[str]) -> None:
    """Check that trackers are installed.

    Raises:
        ConfigError: a tracker is not installed.
    """
    missing = sorted(set(names) - {str(tracker.value) for tracker in get_available_trackers()})
    if missing:
        raise ConfigError(
            f"tracker {missing[0]} is not installed: pip install {missing[0]}, or leave it out"
        )


class Trackers:
    """Send the metrics of a run to experiment trackers.

    Args:
        names: names of trackers, see `TrainingConfig`.
        folder: the run folder; trackers write their files to its ``trackers/``.
        settings: the settings, sent to every tracker.
    """

    def __init__(self, names: Sequence[str], folder: Path, settings: RunConfig) -> None:
        directory = folder / "trackers"
        directory.mkdir(parents=True, exist_ok=True)
        self._accelerator = Accelerator(log_with=list(names), project_dir=directory)
        self._accelerator.init_trackers(folder.name, _flat(asdict(settings)))

    def log(self, step: int, split: str, values: Mapping[str, float]) -> None:
        """Send one row of metrics to every tracker."""
        named = {f"{split}/{name}": value for name, value in values.items()}
        self._accelerator.log(named, step=step)

    def close(self) -> None:
        """Close every tracker, which writes its pending rows."""
        # Accelerator.end_training would also destroy the process group, which is still in use
        for tracker in self._accelerator.trackers:
            tracker.finish()


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as ``section.name``; values other than numbers and text become text."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value if isinstance(value, int | float | str) else str(value)
    return flat
