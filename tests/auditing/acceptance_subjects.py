"""The subjects of the acceptance of an audit: how each is given, and how it has to be read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from tests.auditing.acceptance_models import PUBLIC, convolutional
from tests.subjects.test_kinds import (
    DIFFUSERS,
    PYTHAE,
    Map,
    bars,
    export,
    saved_by_diffusers,
    trained_by_pythae,
)
from tests.subjects.test_plausibility import blobs
from tests.subjects.test_vectors import table

Builder = Callable[[Path], str]


@dataclass(frozen=True)
class Accepted:
    """One subject.

    Args:
        build: makes its files in a folder and returns the target of the command.
        data: name of its data, see `write_data`.
        code: the code that the adapter assumes.
        input: the input that the adapter assumes.
        threat: the threat that it is attacked under.
        needs: the package or the path that it needs.
    """

    build: Builder
    data: str
    code: str
    input: str
    threat: str = "l2"
    needs: str | Path | None = None

    @property
    def slow(self) -> bool:
        """Whether one evaluation takes several milliseconds."""
        return self.needs in ("diffusers", PUBLIC)


def write_data(folder: Path) -> None:
    """All data sets, as files."""
    np.save(folder / "grey12.npy", bars(12, 1))
    np.save(folder / "colour8.npy", bars(8, 3))
    smooth = torch.rand(60, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(smooth, size=64, mode="bilinear")
    np.save(folder / "colour64.npy", (255 * smooth.movedim(1, -1)).round().byte().numpy())
    np.save(folder / "blobs.npy", (255 * blobs(64)[:, 0]).round().byte().numpy())
    np.savetxt(folder / "rows.csv", table().numpy(), delimiter=",")


def _pythae(kind: str, folder: Path) -> str:
    return str(trained_by_pythae(kind, folder)[1])


def _diffusers(kind: str, folder: Path) -> str:
    saved_by_diffusers(kind, folder, blocks=1)
    return str(folder)


def _one_program(folder: Path) -> str:
    export(convolutional(), folder / "model.pt2", 1, 8, 8)
    return str(folder / "model.pt2")


def _two_programs(folder: Path) -> str:
    model = convolutional()
    export(Map(model, "encode"), folder / "encode.pt2", 1, 8, 8)
    export(Map(model, "decode"), folder / "decode.pt2", 4, 2, 2)
    return str(folder)


def _own_code(function: str, _: Path) -> str:
    return f"tests.auditing.acceptance_models:{function}"


def _own(function: str, code: str, given: str, threat: str) -> Accepted:
    return Accepted(partial(_own_code, function), "blobs", code, given, threat)


_UNIT, _SIGNED = "in [0, 1]", "in [-1, 1]"
_PYTHAE_CODES = {
    "VAE": "log-variance, 4",
    "BetaTCVAE": "log-variance, 4",
    "HVAE": "std, 4",
    "VQVAE": "before quantisation, 4",
    "AE": "deterministic, 4",
}
_DIFFUSERS_CODES = {
    "AutoencoderKL": "log-variance, 4×8×8",
    "AutoencoderTiny": "deterministic, 4×4×4",
    "VQModel": "before quantisation, 3×8×8",
    "AutoencoderDC": "deterministic, 4×4×4",
}
_ALTERNATING = ("l2", "linf") * 3

SUBJECTS = {
    **{
        f"pythae {kind}": Accepted(
            partial(_pythae, kind), "grey12", _PYTHAE_CODES[kind], _UNIT, threat, "pythae"
        )
        for kind, threat in zip(PYTHAE, _ALTERNATING, strict=False)
    },
    **{
        f"diffusers {kind}": Accepted(
            partial(_diffusers, kind),
            "colour8",
            _DIFFUSERS_CODES[kind],
            _SIGNED,
            threat,
            "diffusers",
        )
        for kind, threat in zip(DIFFUSERS, _ALTERNATING, strict=False)
    },
    "tutorial": _own("tutorial", "log-variance, 4", f"flattened, {_UNIT}", "linf"),
    "forward only": _own("forward_only", "none", "flattened", "l2"),
    "convolutional": _own("convolutional", "deterministic, 4×2×2", _UNIT, "linf"),
    "top-down": _own("top_down", "log-variance, 3×2 + 2", _UNIT, "l2"),
    "vectors": Accepted(
        lambda _: "tests.subjects.test_vectors:trained",
        "rows",
        "log-variance, 4",
        "unbounded",
        "sd",
    ),
    "one program": Accepted(_one_program, "blobs", "none", "as it is", "linf"),
    "two programs": Accepted(_two_programs, "blobs", "deterministic, 4×2×2", _UNIT),
    "public": Accepted(
        lambda _: str(PUBLIC / "VAE_celeba.safetensors"),
        "colour64",
        "log-variance, 10",
        _UNIT,
        "linf",
        PUBLIC,
    ),
    "taef2": Accepted(
        partial(_own_code, "taef2"), "colour8", "deterministic, 32×1×1", _UNIT, "l2", PUBLIC
    ),
}
"""All subjects by name."""
