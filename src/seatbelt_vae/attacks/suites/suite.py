"""A suite: one model attacked on many pairs, one row per level, stored pair by pair.

Pairs are attacked in chunks. An incomplete chunk is repeated from its start, and chunks are
independent, so that a resumed suite equals an uninterrupted one. Several processes can run the same
suite and share its chunks.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seatbelt_vae.attacks.diagnostics import checked_attack, suite_flags
from seatbelt_vae.attacks.suites.pair_files import (
    rows_path,
    sibling_images,
    sibling_model,
    store_pairs,
)
from seatbelt_vae.attacks.suites.pairs import choose_pairs
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.attack import parse_among, parse_layers, suite_name
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ForeignStateError
from seatbelt_vae.parallel.shared_work import share_work
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.runs import (
    FORMAT,
    SUITE,
    RunFolder,
    by_first_names,
    column_names,
    digest_of,
    each_part,
    read_json,
    read_suite,
    suite_file,
    write_json,
    write_settings,
)
from seatbelt_vae.subjects import Subject, as_subject

__all__ = ["PairsDone", "run_suite"]

logger = logging.getLogger(__name__)

_SPEED_ONLY = ("threads",)
_IN_DIGEST = 2  # the format in digests, which does not follow FORMAT
_NEWEST_COLUMN = "at_start"  # added together with the last change of the attack
Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class PairsDone:
    """Progress after each chunk of pairs.

    Args:
        done: number of stored pairs.
        pairs: number of all pairs.
        resumed: number of stored pairs that were found on disk or made by another process.
    """

    done: int
    pairs: int
    resumed: int


def run_suite(
    subject: Subject | RunFolder,
    data: ImageData,
    config: AttackConfig,
    *,
    sibling: Path | RunFolder | None = None,
    on_pairs: Callable[[PairsDone], None] | None = None,
) -> Path:
    """Attack a subject on random pairs of held-out images; continue an unfinished suite.

    Several processes can run the same suite: each pair is attacked once, and every process returns
    when all pairs are done.

    Args:
        subject: the model, and the folder of its results.
        data: the data set; its test split is attacked, mapped to the model's bounds.
        config: settings of the attack.
        sibling: folder of another subject with the same suite; its images are a control.
        on_pairs: called after each chunk of pairs.

    Returns:
        The folder of the suite, ``attacks/<name>`` in the subject's folder.

    Raises:
        ForeignStateError: the folder holds a suite of another model or other settings.
        ArtifactError: the run has no finished model, the sibling was not attacked on these pairs,
            or the disk is full.
        ConfigError: layers that the model lacks.
        DataError: too few different test images.
    """
    subject = as_subject(subject)
    model, data = subject.model, subject.images(data)
    parse_layers(config.layers, len(model.latent_sizes))
    name = suite_name(config)
    folder = subject.place / "attacks" / name
    if isinstance(sibling, RunFolder):
        sibling = sibling.path
    siblings = None if sibling is None else sibling / "attacks" / name
    pairs = choose_pairs(data, config.pairs, config.seed, config.vary, parse_among(config.among))
    _open(folder, _about(subject, data, config, pairs, siblings), data.identity, config)
    _warn_of_older_pairs(folder, len(pairs))
    suite = _Suite(folder, subject.for_inference, data, config, pairs, siblings)
    suite.complete(on_pairs)
    flags = suite_flags(each_part(folder, "pair-*.parquet"))
    _write_flags(folder / "flags.json", [flag.as_dict() for flag in flags])
    return folder


def _write_flags(path: Path, flags: list[dict[str, Any]]) -> None:
    """Write the flags of the attack; keep the flags that measuring has added."""
    names = {flag["name"] for flag in flags}
    stored = read_json(path) if path.exists() else []
    write_json(path, flags + [flag for flag in stored if flag["name"] not in names])


@dataclass(frozen=True)
class _Suite:
    """A suite with its model and data."""

    folder: Path
    model: Autoencoder
    data: ImageData
    config: AttackConfig
    pairs: Pairs
    siblings: Path | None

    @property
    def chunks(self) -> list[range]:
        """Numbers of the pairs that are attacked together."""
        count, size = len(self.pairs), self.config.together
        return [range(first, min(first + size, count)) for first in range(0, count, size)]

    def complete(self, on_pairs: Callable[[PairsDone], None] | None) -> None:
        """Attack all chunks, shared with other processes, and report the progress."""
        done = resumed = 0
        lock, chunks = self.folder / ".lock", self.chunks
        for chunk, is_new in share_work(lock, len(chunks), is_done=self.is_done, work=self.attack):
            count = len(chunks[chunk])
            done, resumed = done + count, resumed + (0 if is_new else count)
            if on_pairs is not None:
                on_pairs(PairsDone(done, len(self.pairs), resumed))

    def is_done(self, chunk: int) -> bool:
        """Whether all pairs of a chunk are on disk."""
        return all(rows_path(self.folder, pair).exists() for pair in self.chunks[chunk])

    def attack(self, chunk: int) -> None:
        """Attack one chunk and its controls, and store the results."""
        numbers, config = self.chunks[chunk], self.config
        positions = [self.pairs[number] for number in numbers]
        x, target = (self.data.test.batch(np.array(side)) for side in zip(*positions, strict=True))
        transferred = None
        if self.siblings is not None:
            transferred = sibling_images(self.siblings, numbers, x, target)
        checked = checked_attack(
            self.model, x, target, config, pair_numbers=numbers, transferred=transferred
        )
        store_pairs(self.folder, numbers, positions, checked, config)


def _about(
    subject: Subject,
    data: ImageData,
    config: AttackConfig,
    pairs: Pairs,
    siblings: Path | None,
) -> dict[str, Any]:
    """The description of a suite, with a digest that identifies it."""
    about = {
        "format": FORMAT,
        "config": asdict(config),
        "data": data.name,
        "test_images": len(data.test),
        "pairs": [list(pair) for pair in pairs],
        "path": config.path_used,
        "layers": list(parse_layers(config.layers, len(subject.model.latent_sizes))),
        "model": subject.digest,
        "sibling": None if siblings is None else sibling_model(siblings),
    }
    decisive = {key: value for key, value in asdict(config).items() if key not in _SPEED_ONLY}
    for name in ("among", "levels"):
        if decisive[name] is None:
            del decisive[name]  # keeps the digest of suites that are older than this setting
    first = {"format": _IN_DIGEST, "config": by_first_names("attack", decisive)}
    return {**about, "digest": digest_of({**about, **first})}


def _open(folder: Path, about: dict[str, Any], images: str, config: AttackConfig) -> None:
    """Create the suite's folder, or check that it holds the same suite on the same images."""
    if not suite_file(folder).exists():
        write_settings(folder / "config.toml", config)
        write_json(folder / SUITE, {**about, "images": images})
        return
    stored = read_suite(folder)
    differing = []
    if stored.get("digest") != about["digest"]:
        ignored = ("digest", "format")
        differing = [k for k in about if k not in ignored and stored.get(k) != about[k]]
    elif stored.get("images", images) != images:  # suites of older versions lack it
        differing = ["set of images"]
    if differing:
        raise ForeignStateError(
            f"{folder} holds a suite with another {', '.join(differing)}: expected the one "
            f"being resumed; move that folder away to attack anew"
        )


def _warn_of_older_pairs(folder: Path, pairs: int) -> None:
    """Log that an unfinished suite holds pairs that another version of the attack solved."""
    stored = sorted(folder.glob("pair-*.parquet"))
    if len(stored) == pairs:
        return
    if older := sum(_NEWEST_COLUMN not in column_names(path) for path in stored):
        logger.warning(
            "%s holds %d of %d pairs from an older version; the others are attacked by this one, "
            "whose solutions may be better: move the folder away to attack all pairs alike",
            *(folder, older, pairs),
        )
