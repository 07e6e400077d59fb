"""Flags of `doctor` and `completion`; torch is not imported."""

from dataclasses import dataclass, field
from typing import Literal

from tyro.conf import Positional

from seatbelt_vae.cli.run_options import Output

__all__ = ["Completion", "Doctor"]


@dataclass(frozen=True)
class Doctor:
    """Describe this installation, for bug reports: versions, kernels, devices, extras, folders."""

    output: Output = field(default_factory=Output)

    to_resume = "run the same command again"


@dataclass(frozen=True)
class Completion:
    """Print the completion script of a shell; docs/completion.md shows where it is put.

    Args:
        shell: the shell, such as bash.
    """

    shell: Positional[Literal["bash", "zsh", "fish"]]

    to_resume = "run the same command again"
