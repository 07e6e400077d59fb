"""The pairs of a suite on disk; rows are written last, so that a pair with rows is complete."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from seatbelt_vae.attacks.attack_rows import row_identity
from seatbelt_vae.attacks.diagnostics import CheckedAttack
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs import read_suite, read_tensors, suite_file, write_rows, write_tensors

__all__ = ["pair_number", "rows_path", "sibling_images", "sibling_model", "store_pairs"]


def rows_path(folder: Path, pair: int) -> Path:
    """The file of a pair's rows; its images have the same name and another suffix."""
    return folder / f"pair-{pair:05d}.parquet"


def pair_number(path: Path) -> int:
    """The number of the pair of a file, the inverse of `rows_path`."""
    return int(path.stem.removeprefix("pair-"))


def store_pairs(
    folder: Path,
    numbers: Sequence[int],
    positions: Sequence[tuple[int, int]],
    checked: CheckedAttack,
    config: AttackConfig,
) -> None:
    """Write a chunk of pairs, two atomic files each; see ``docs/rows.md``."""
    problem, adversarial = checked.result.problem, checked.result.adversarial
    for place, (number, indices) in enumerate(zip(numbers, positions, strict=True)):
        path = rows_path(folder, number)
        images = {
            "x": problem.x[place].view(problem.event_shape),
            "target": problem.target[place].view(problem.event_shape),
            "adversarial": adversarial[place].contiguous(),
        }
        write_tensors(path.with_suffix(".safetensors"), images)
        write_rows(path, checked.rows(place, row_identity(config, number, indices)))


def sibling_model(folder: Path) -> str:
    """The digest of the model that a sibling's suite attacked.

    Raises:
        ArtifactError: the suite does not exist.
    """
    if not suite_file(folder).exists():
        raise ArtifactError(
            f"the sibling has no suite {folder}: attack it first, with the same settings"
        )
    return str(read_suite(folder)["model"])


def sibling_images(folder: Path, numbers: Sequence[int], x: Tensor, target: Tensor) -> Tensor:
    """The adversarial images of a sibling's suite on the same pairs, :math:`(P, K, C, H, W)`.

    Raises:
        ArtifactError: the sibling was not attacked on these pairs.
    """
    images = []
    for place, number in enumerate(numbers):
        path = rows_path(folder, number).with_suffix(".safetensors")
        if not rows_path(folder, number).exists():
            raise ArtifactError(
                f"the sibling's suite {folder} lacks pair {number}: attack the sibling first, "
                f"to the end and with the same settings"
            )
        stored = read_tensors(path)
        same = torch.equal(stored["x"], x[place]) and torch.equal(stored["target"], target[place])
        if not same:
            raise ArtifactError(
                f"{path} holds another pair of images: attack the sibling on the same data with "
                f"the same seed"
            )
        images.append(stored["adversarial"])
    return torch.stack(images)
