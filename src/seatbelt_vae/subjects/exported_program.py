"""Opens programs exported with ``torch.export`` (.pt2) as subjects."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.runs.checked_files import no_such_path
from seatbelt_vae.subjects.adapters import wrap
from seatbelt_vae.subjects.foreign_subject import usual_bounds
from seatbelt_vae.subjects.subject import Subject, subject_of_model

__all__ = ["open_target", "recognises"]

_ENCODE, _DECODE = "encode.pt2", "decode.pt2"
_FORCED = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
"""The variable of PyTorch under which pickled objects other than tensors are refused."""


class _Programs(nn.Module):
    """The programs of ``encode`` and ``decode`` as one module."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def encode(self, x: Tensor) -> Any:
        """The results of the first program."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Any:
        """The results of the second program."""
        return self.decoder(z)


class _Whole(nn.Module):
    """One program, whose submodules may be named ``encode`` and ``decode`` but have no forward."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, x: Tensor) -> Any:
        """The results of the program."""
        return self.program(x)


def recognises(target: str) -> bool:
    """Whether a target is a program, or a folder with ``encode.pt2`` and ``decode.pt2``."""
    return Path(target).suffix == ".pt2" or (Path(target) / _ENCODE).exists()


def open_target(target: str, data: ImageData | None = None) -> Subject:
    """The subject of a program that reconstructs, or of two programs that encode and decode.

    The programs must accept batches of any size: export them with a dynamic first dimension.

    Raises:
        ArtifactError: a file is missing or damaged.
        ConfigError: no data, which gives the shape of the inputs.
        ModelError: no adapter fits.
    """
    if not Path(target).exists():
        raise no_such_path(Path(target))
    if data is None:
        raise ConfigError(f"{target} does not state the shape of its inputs: give --data")
    path = Path(target)
    module = (
        _Programs(_program(path / _ENCODE), _program(path / _DECODE))
        if path.is_dir()
        else _Whole(_program(path))
    )
    model = wrap(module, tuple(data.image_shape), usual_bounds(data))
    return subject_of_model(model, path.stem, source=target, kind="exported")


@contextmanager
def _tensors_only() -> Iterator[None]:
    """Let the unpickler read tensors only, and drop the traceback that PyTorch logs."""
    log, before = logging.getLogger("torch.export"), os.environ.get(_FORCED)
    level = log.level
    log.setLevel(logging.ERROR)
    os.environ[_FORCED] = "1"
    try:
        yield
    finally:
        log.setLevel(level)
        if before is None:
            del os.environ[_FORCED]
        else:
            os.environ[_FORCED] = before


def _program(path: Path) -> nn.Module:
    if not path.exists():
        raise no_such_path(path)
    try:
        with _tensors_only():
            return torch.export.load(path).module()
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ArtifactError(
            f"{path} cannot be loaded ({type(error).__name__}: {reason}): save it with "
            f"torch.export.save under a version of PyTorch not newer than {torch.__version__}"
        ) from None
