"""The quick demo: two trained models of the zoo under one attack, as one picture in seconds."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["QuickResult", "run_quick_demo"]

FACES = Path(__file__).with_name("faces.zip")
"""Eight faces that the models were not trained on, drawn from ICT-FaceKit; four pairs."""

MODELS = {"plain": "zoo:faces-vae", "defended": "zoo:faces-denoising"}


@dataclass(frozen=True)
class QuickResult:
    """The results of the quick demo.

    Args:
        picture: the PNG file.
        gaps: mean gap of four pairs within a fifth of their distance, by label of the model.
    """

    picture: Path
    gaps: dict[str, float]


def run_quick_demo(
    out: Path, *, on_progress: Callable[[str, int, int], None] = lambda *_: None
) -> QuickResult:
    """Attack two models of the zoo on four pairs of faces, and draw the first pair.

    Args:
        out: folder of ``quick.png``.
        on_progress: gets the activity with the parts done and their number.

    Raises:
        ArtifactError: the picture cannot be written.
    """
    on_progress("attacking", 0, 1)
    from seatbelt_vae.report.attack_picture import attack_picture
    from seatbelt_vae.subjects import open_subject

    models = {label: open_subject(target).for_inference for label, target in MODELS.items()}
    images, picture = _faces(), out / "quick.png"
    gaps = attack_picture(models, images[:4], images[4:], picture)
    on_progress("attacking", 1, 1)
    return QuickResult(picture, gaps)


def _faces() -> "Tensor":
    """The faces as images (8, 1, 64, 64) in the bounds of the models, [-1, 1]."""
    import numpy as np
    import torch
    from PIL import Image

    with zipfile.ZipFile(FACES) as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")]
        pictures = [np.asarray(Image.open(archive.open(name))) for name in names]
    return torch.from_numpy(np.stack(pictures)[:, None]) / 127.5 - 1
