"""The images of a folder of results: a fingerprint per example, and the split it was made with.

Every command that loads data for such a folder calls `in_split_of`, so that an example that was
trained on is never held out.
"""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatbelt_vae.data.dataset import ImageData, Indices, Split
from seatbelt_vae.data.registry import SAME_EVERYWHERE
from seatbelt_vae.errors import ForeignStateError
from seatbelt_vae.runs import read_about, read_tensors, write_tensors
from seatbelt_vae.runs.checked_files import checked

__all__ = ["IDENTITY", "fingerprints", "in_split_of", "store_identity"]

logger = logging.getLogger(__name__)

IDENTITY = "data.safetensors"
"""The file of a folder of results with the fingerprints of both splits, in order."""

_AT_ONCE = 1024
_BYTES = 8


def fingerprints(split: Split) -> NDArray[np.int64]:
    """The first 64 bits of the SHA-256 of each example, :math:`(N)`.

    Example:
        >>> from seatbelt_vae.data import load_data
        >>> fingerprints(load_data("swiss-roll", images=9).train).shape
        (9,)
    """
    read, found = split.content or split.read, bytearray()
    for start in range(0, len(split), _AT_ONCE):
        for example in np.ascontiguousarray(read(split.indices[start : start + _AT_ONCE])):
            found += hashlib.sha256(example).digest()[:_BYTES]
    return np.frombuffer(found, np.int64)


def store_identity(folder: Path, data: ImageData) -> None:
    """Write the identity of a data set to a folder of results, unless it has one.

    A set that is the same on every machine is identified by its digest, without fingerprints.
    """
    import torch

    path = folder / IDENTITY
    if path.exists():
        return
    about = {
        "identity": data.identity,
        "digest": data.digest,
        "train": len(data.train),
        "examples": sum(map(len, _parts(data))),
    }
    fixed = data.name in SAME_EVERYWHERE and data.digest
    if not fixed:
        about["labels"] = _labels(data)
    splits = {} if fixed else {"train": data.train, "test": data.test}
    found = {name: torch.tensor(fingerprints(split)) for name, split in splits.items()}
    write_tensors(path, found, about)


def in_split_of(folder: Path, data: ImageData) -> ImageData:
    """A data set in the split that a folder of results was made with.

    Examples that were added later belong to neither split. Their number is logged, as are other
    labels of the same images. A folder of an older version has no identity; the data set is
    returned as it is.

    Raises:
        ForeignStateError: an example of the folder is missing.
        ArtifactError: the file of the identity is damaged.
    """
    path = folder / IDENTITY
    if not path.exists():
        return data
    about = checked(path, read_about(path), ["identity", "digest", "train", "examples"])
    # without a digest, the identity depends on counts only
    if data.digest and data.identity == about["identity"]:
        return data
    known = {name: tensor.numpy() for name, tensor in read_tensors(path).items()}
    if not known:
        return _in_split_of_fixed(folder, data, about)
    wanted, train = np.concatenate([known["train"], known["test"]]), len(known["train"])
    parts = _parts(data)
    found = np.concatenate([fingerprints(part) for part in parts])
    places = _places(wanted, found)
    missing = places < 0
    if data.train.read != data.test.read:  # an example cannot be moved to the other split
        from_test = places >= len(found) - len(data.test)
        missing |= from_test != (np.arange(len(wanted)) >= train)
    if missing.any():
        raise ForeignStateError(
            f"{folder} was made with other images of {data.name!r}: of its {train} training and "
            f"{len(wanted) - train} held-out images {missing[:train].sum()} and "
            f"{missing[train:].sum()} are missing, {len(found) - (~missing).sum()} others are "
            f"there; restore the data, or use another folder"
        )
    if (added := len(found) - about["examples"]) > 0:
        logger.warning(
            "%s: %d images were added to %r later; they are neither trained on nor held out",
            *(folder, added, data.name),
        )
    kept = replace(_placed(data, places, train), digest=about["digest"])
    if None not in (before := about.get("labels"), after := _labels(kept)) and before != after:
        logger.warning(
            "%s: the images of %r have other labels than before: results for labels, such as MIG, "
            "are not comparable with earlier ones",
            *(folder, data.name),
        )
    return kept


def _placed(data: ImageData, places: Indices, train: int) -> ImageData:
    """The data set with the examples at ``places``, the first ``train`` of them for training."""
    parts = _parts(data)
    indices = np.concatenate([part.indices for part in parts])
    rest = np.ones(len(indices), bool)
    rest[places] = False
    if data.train.read != data.test.read:
        rest[len(indices) - len(data.test) :] = False
    return replace(
        data,
        train=replace(data.train, indices=indices[places[:train]], cut=indices[rest]),
        test=replace(data.test, indices=indices[places[train:]]),
    )


def _labels(data: ImageData) -> str | None:
    """A digest of the names of all factor values, in the order of the examples; None for none."""
    if not data.factors or data.train.factors_of is None or data.test.factors_of is None:
        return None
    splits = [split.factors(np.arange(len(split))) for split in (data.train, data.test)]
    found = hashlib.sha256()
    for factor, column in zip(data.factors, np.concatenate(splits).T, strict=True):
        names = dict(enumerate(factor.values))
        found.update(repr([factor.name, *(names.get(v, v) for v in column.tolist())]).encode())
    return found.hexdigest()[:16]


def _in_split_of_fixed(folder: Path, data: ImageData, about: dict[str, Any]) -> ImageData:
    """The same set with as many training images as the folder was made with."""
    if data.digest != about["digest"]:
        raise ForeignStateError(
            f"{folder} was made with other images of {data.name!r}: restore the data, or use "
            f"another folder"
        )
    train, cut, _ = _parts(data)
    whole = replace(train, indices=np.concatenate([train.indices, cut.indices]), cut=None)
    return replace(data, train=whole.first(about["train"]))


def _parts(data: ImageData) -> tuple[Split, ...]:
    """The examples trained on, those cut off, and those held out."""
    cut = data.train.indices[:0] if data.train.cut is None else data.train.cut
    return data.train, replace(data.train, indices=cut), data.test


def _places(wanted: NDArray[np.int64], found: NDArray[np.int64]) -> Indices:
    """The place of each wanted value in ``found``, each used once; -1 for a missing value."""
    order = np.argsort(found, kind="stable")
    values = np.append(found[order], 0)
    slots = np.searchsorted(found[order], wanted) + _copies_before(wanted)
    slots = np.minimum(slots, len(found))
    there = (slots < len(found)) & (values[slots] == wanted)
    return np.where(there, np.append(order, -1)[slots], -1)


def _copies_before(values: NDArray[np.int64]) -> Indices:
    """For each value the number of equal values before it."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    before = np.empty(len(values), np.int64)
    before[order] = np.arange(len(values)) - np.searchsorted(ordered, ordered)
    return before
