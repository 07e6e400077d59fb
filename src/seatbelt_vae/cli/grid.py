"""The settings of a sweep: what is given once, and every combination of what varies."""

import itertools
from pathlib import Path

from seatbelt_vae.cli.options import Sweep, Train
from seatbelt_vae.cli.parsing import parse_train
from seatbelt_vae.config import RunConfig
from seatbelt_vae.errors import ConfigError

__all__ = ["settings_of"]


def settings_of(options: Sweep) -> dict[str, RunConfig]:
    """The settings of every run by its name, such as ``beta=4 seed=0``.

    Raises:
        ConfigError: a flag that `train` has not, a value that it has not, or one stated twice.
    """
    varied = [_values(text) for text in options.vary]
    flags = [flag for flag, _ in varied]
    if twice := {flag for flag in flags if flags.count(flag) > 1}:
        raise ConfigError(f"{', '.join(sorted(twice))} varies twice: name all values at once")
    base = Train.of(options.run_config, folder=Path())
    found = {}
    for chosen in itertools.product(*(values for _, values in varied)):
        pairs = list(zip(flags, chosen, strict=True))
        name = "_".join(f"{flag}={value}" for flag, value in pairs)
        words = [word for flag, value in pairs for word in (f"--{flag}", *value.split("+"))]
        found[name] = parse_train(words, base).run_config
    return found


def _values(text: str) -> tuple[str, list[str]]:
    flag, equals, listed = text.partition("=")
    values = [value for value in listed.split(",") if value]
    if not (flag and equals and values):
        raise ConfigError(
            f"vary is {text!r}, expected a flag of train and its values, as in beta=1,2,4 or "
            f"latent-sizes=16,16+8"
        )
    if len(set(values)) < len(values) or any("/" in value for value in values):
        raise ConfigError(f"vary is {text!r}, expected values that differ and contain no /")
    return flag.lstrip("-").replace("_", "-"), values
