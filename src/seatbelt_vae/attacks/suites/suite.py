"""A suite: one model attacked on many pairs, a row per level, stored pair by pair and resumable.

Pairs are attacked a few at a time. Such a chunk is whole on disk or is made again from its start,
independently of all others, so a resumed suite equals an uninterrupted one. Any number of
processes may run the same suite at once; they share its chunks.
"""

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

_SPEED_ONLY = ("threads",)
_IN_DIGEST = 2  # the format that digests are computed with, whatever the current one is
Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class PairsDone:
    """Told after each chunk of pairs.

    Args:
        done: pairs that are stored.
        pairs: how many there are.
        resumed: how many of those stored were on disk already, or are another process's.
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

    Other processes may run the same suite meanwhile: each pair is attacked once, and every one
    of them returns when all pairs are done.

    Args:
        subject: the model, and the folder of its results.
        data: the set whose test split is attacked, mapped to the model's bounds.
        config: settings of the attack.
        sibling: folder of a subject that the same suite has attacked; its images are a control.
        on_pairs: called after each chunk of pairs.

    Returns:
        The suite's folder, ``attacks/<name>`` in the subject's.

    Raises:
        ForeignStateError: the folder holds another model's or other settings' suite.
        ArtifactError: the run has no finished model, the sibling was not attacked on these pairs,
            or the disk is full.
        ConfigError: layers the model has not.
        DataError: too few different test images.
    """
    subject = as_subject(subject)
    model, data = subject.model, subject.images(data)
    parse_layers(config.layers, len(model.latent_sizes))
    name = suite_name(config)
    folder = subject.place / "attacks" / name
    beside = sibling.path if isinstance(sibling, RunFolder) else sibling
    siblings = None if beside is None else beside / "attacks" / name
    pairs = choose_pairs(data, config.pairs, config.seed, config.vary, parse_among(config.among))
    _open(folder, _about(subject, data, config, pairs, siblings), config)
    suite = _Suite(folder, subject.for_inference, data, config, pairs, siblings)
    done = resumed = 0
    parts = len(suite.chunks)
    lock = folder / ".lock"
    for chunk, own in share_work(lock, parts, is_done=suite.is_done, work=suite.attack):
        count = len(suite.chunks[chunk])
        done, resumed = done + count, resumed + (0 if own else count)
        if on_pairs is not None:
            on_pairs(PairsDone(done, len(pairs), resumed))
    flags = suite_flags(each_part(folder, "pair-*.parquet"))
    _state_flags(folder / "flags.json", [flag.as_dict() for flag in flags])
    return folder


def _state_flags(path: Path, judged: list[dict[str, Any]]) -> None:
    """Write the attack's flags; those that measuring added before are kept."""
    names = {flag["name"] for flag in judged}
    before = read_json(path) if path.exists() else []
    write_json(path, judged + [flag for flag in before if flag["name"] not in names])


@dataclass(frozen=True)
class _Suite:
    """What it takes to do any chunk of a suite."""

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

    def is_done(self, chunk: int) -> bool:
        """Whether all pairs of a chunk are on disk."""
        return all(rows_path(self.folder, pair).exists() for pair in self.chunks[chunk])

    def attack(self, chunk: int) -> None:
        """Attack one chunk, put the attack beside its controls, and store it."""
        numbers, config = self.chunks[chunk], self.config
        positions = [self.pairs[number] for number in numbers]
        x, target = (self.data.test.batch(np.array(side)) for side in zip(*positions, strict=True))
        shown = None
        if self.siblings is not None:
            shown = sibling_images(self.siblings, numbers, x, target)
        judged = checked_attack(
            self.model, x, target, config, pair_numbers=numbers, transferred=shown
        )
        store_pairs(self.folder, numbers, positions, judged, config)


def _about(
    subject: Subject,
    data: ImageData,
    config: AttackConfig,
    pairs: Pairs,
    siblings: Path | None,
) -> dict[str, Any]:
    """What a suite is of; its digest tells it from any other."""
    about = {
        "format": FORMAT,
        "config": asdict(config),
        "data": data.name,
        "test_images": len(data.test),
        "pairs": [list(pair) for pair in pairs],
        "path": config.walked,
        "layers": list(parse_layers(config.layers, len(subject.model.latent_sizes))),
        "model": subject.digest,
        "sibling": None if siblings is None else sibling_model(siblings),
    }
    decisive = {key: value for key, value in asdict(config).items() if key not in _SPEED_ONLY}
    if config.among is None:
        del decisive["among"]  # suites older than this setting are the same without it
    first = {"format": _IN_DIGEST, "config": by_first_names("attack", decisive)}
    return {**about, "digest": digest_of({**about, **first})}


def _open(folder: Path, about: dict[str, Any], config: AttackConfig) -> None:
    """Make the suite's folder, or make sure that it is the same suite's."""
    if not suite_file(folder).exists():
        write_settings(folder / "config.toml", config)
        write_json(folder / SUITE, about)
        return
    found = read_suite(folder)
    if found.get("digest") != about["digest"]:
        compared = about.keys() - {"digest", "format"}
        differing = [key for key in about if key in compared and found.get(key) != about[key]]
        raise ForeignStateError(
            f"{folder} holds a suite with another {', '.join(differing)}: expected the one "
            f"being resumed; delete that folder to attack anew"
        )
