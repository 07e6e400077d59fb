"""Experiment trackers by name, through accelerate; each is imported only when asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.tracking import get_available_trackers

from seatbelt_vae.config import RunConfig
from seatbelt_vae.errors import ConfigError

__all__ = ["Trackers"]


class Trackers:
    """Where a run's metrics go besides its folder.

    Args:
        names: of those that `TrainingConfig` knows.
        folder: the run's; what a tracker writes to disk lies in its ``trackers/``.
        settings: told to every tracker.

    Raises:
        ConfigError: a tracker that is not installed.
    """

    def __init__(self, names: Sequence[str], folder: Path, settings: RunConfig) -> None:
        missing = sorted(set(names) - {str(tracker.value) for tracker in get_available_trackers()})
        if missing:
            raise ConfigError(
                f"tracker {missing[0]} is not installed: pip install {missing[0]}, or leave it out"
            )
        place = folder / "trackers"
        place.mkdir(parents=True, exist_ok=True)
        self._accelerator = Accelerator(log_with=list(names), project_dir=place)
        self._accelerator.init_trackers(folder.name, _flat(asdict(settings)))

    def log(self, step: int, split: str, values: Mapping[str, float]) -> None:
        """Tell every tracker one row of metrics."""
        named = {f"{split}/{name}": value for name, value in values.items()}
        self._accelerator.log(named, step=step)

    def close(self) -> None:
        """Let every tracker write what it holds."""
        # end_training of accelerate would also end the process group, which is still in use
        for tracker in self._accelerator.trackers:
            tracker.finish()


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as ``section.name``; what trackers cannot store becomes text."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value if isinstance(value, int | float | str) else str(value)
    return flat
