"""The audited pairs of a folder: attacked chunk by chunk, one set of files per pair.

An interrupted audit repeats its unfinished chunks only. Chunks are independent, so that the rows
equal those of an uninterrupted audit. Several processes can share the chunks.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.attacks.prepare import prepare, prepare_model
from seatbelt_vae.auditing.attack_checks import check_attack
from seatbelt_vae.auditing.audited_images import AuditedImages
from seatbelt_vae.auditing.pair_rows import AttackedPair
from seatbelt_vae.auditing.portfolio import PortfolioAttack, portfolio_of
from seatbelt_vae.auditing.threat_budgets import threats_of
from seatbelt_vae.auditing.through_defence import ThroughDefence
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.evaluation.audit_columns import AUDIT_FILES
from seatbelt_vae.parallel.shared_work import share_work
from seatbelt_vae.protocol import bounds_of, event_shape_of
from seatbelt_vae.report.stored_values import check_rows
from seatbelt_vae.runs import (
    digest_of,
    read_rows,
    read_tensors,
    write_json,
    write_rows,
    write_tensors,
)
from seatbelt_vae.runs.checked_files import checked_table
from seatbelt_vae.subjects import Subject

__all__ = ["AuditedPairs", "attack_pairs", "pairs_together", "stored_rows"]

Row = dict[str, Any]
OnPairs = Callable[[int, int], None]

_VERSION = 4
"""Version of the attack of an audit; another one refuses to continue its folders."""
_DECISIVE = ("budgets", "linf_budgets", "sd_budgets", "losses", "effort", "gradient_free", "seed")
_SIDES = ("input_index", "target_index")
_VALUES, _MOST_TOGETHER = 2**15, 5


@dataclass(frozen=True)
class AuditedPairs:
    """The stored results of all pairs.

    Args:
        folder: the folder of the audit.
        worst: the worst case of every pair, goal and budget.
        checks: one row per pair and threat: the checks of the attack.
    """

    folder: Path
    worst: list[Row]
    checks: list[Row]

    def images(self, pair: int) -> dict[str, Tensor]:
        """The images of a pair: clean, and worst case of the headline goal per budget."""
        path = _files(self.folder, pair)[-1]
        try:
            return read_tensors(path)
        except ArtifactError as error:
            raise ArtifactError(
                f"{path} is damaged ({error.__cause__ or error}): move it away and audit again"
            ) from None


def attack_pairs(
    folder: Path,
    subject: Subject,
    images: AuditedImages,
    config: AuditConfig,
    on_pairs: OnPairs = lambda *_: None,
) -> AuditedPairs:
    """Attack every pair that is not stored yet.

    Raises:
        ForeignStateError: the folder holds an audit of another model, other images or settings, or
            by another version of the attack.
        ArtifactError: a stored file is damaged, or a file cannot be written.
        ModelError, DataError: as for `attack`.
    """
    model = subject.for_inference
    _open(folder, _about(subject, images, config))
    size = pairs_together(event_shape_of(model))
    count = len(images.pairs)
    chunks = [range(first, min(first + size, count)) for first in range(0, count, size)]
    done = 0
    on_pairs(done, count)
    for chunk, _ in share_work(
        folder / ".lock",
        len(chunks),
        is_done=lambda c: all(f.exists() for pair in chunks[c] for f in _files(folder, pair)),
        work=lambda c: _attack(folder, subject, images, config, chunks[c]),
    ):
        done += len(chunks[chunk])
        on_pairs(done, count)
    return AuditedPairs(folder, stored_rows(folder, "worst"), stored_rows(folder, "checks"))


def stored_rows(folder: Path, kind: str) -> list[Row]:
    """The rows of all pairs, with all declared columns; ``kind`` is a key of `AUDIT_FILES`.

    Raises:
        ArtifactError: a file is damaged, or a value is not of the type of its column.
    """
    rows = read_rows(folder / kind)
    check_rows(AUDIT_FILES[kind].view, folder / kind, rows)
    columns = [column.name for column in AUDIT_FILES[kind].columns]
    return [dict.fromkeys(columns) | row for row in rows]


def pairs_together(event_shape: Sequence[int]) -> int:
    """The number of pairs that are attacked together; their rounding depends on one another."""
    return max(1, min(_MOST_TOGETHER, _VALUES // torch.Size(event_shape).numel()))


def _about(subject: Subject, images: AuditedImages, config: AuditConfig) -> Row:
    """The description of an audit, with a digest that identifies it."""
    settings = {key: asdict(config)[key] for key in _DECISIVE}
    about = {
        "version": _VERSION,
        "settings": settings,
        "losses": list(portfolio_of(subject.model, config.losses)),
        "model": subject.digest,
        "images": images.data.identity,
        "pairs": [list(pair) for pair in images.pairs],
    }
    return {**about, "digest": digest_of(about)}


def _open(folder: Path, about: Row) -> None:
    path = folder / "about.json"
    if not path.exists():
        write_json(path, about)
        return
    stored = checked_table(path, ["version", "digest"])
    if stored["version"] != _VERSION:
        raise ForeignStateError(
            f"{folder} holds an audit by version {stored['version']!r} of the attack, this version "
            f"is {_VERSION}: give another --out, or move that folder away"
        )
    if stored["digest"] != about["digest"]:
        differing = [key for key in about if key != "digest" and stored.get(key) != about[key]]
        raise ForeignStateError(
            f"{folder} holds an audit with other {', '.join(differing)}: give another --out, or "
            f"move that folder away"
        )


def _files(folder: Path, pair: int) -> tuple[Path, Path, Path, Path]:
    """Files of a pair, in reverse order of writing: rows, worst cases, checks, images."""
    name = f"pair-{pair:05d}"
    rows, worst, checks = (folder / kind / f"{name}.parquet" for kind in AUDIT_FILES)
    return rows, worst, checks, worst.with_suffix(".safetensors")


@torch.inference_mode(False)
def _attack(
    folder: Path, subject: Subject, images: AuditedImages, config: AuditConfig, numbers: range
) -> None:
    """Attack one chunk under every threat and store its pairs."""
    model = subject.for_inference
    prepared, x, target = prepare(model, *images.sides(numbers), targeted=True)
    plain = None if subject.undefended is None else prepare_model(subject.undefended)
    assert target is not None
    keys = [(config.seed, number) for number in numbers]
    linear = images.linear_model(sum(model.latent_sizes), bounds_of(model))
    stored = [AttackedPair({}) for _ in numbers]
    for threat, budgets in threats_of(config, event_shape_of(model)).items():
        attack = PortfolioAttack(prepared, x, target, threat, budgets, config, keys)
        through = None if plain is None else ThroughDefence(attack, plain)
        (through or attack).run()
        checks = check_attack(attack)
        if through is not None:
            checks = [a | b for a, b in zip(checks, through.checks(), strict=True)]
        columns = {} if through is None else through.columns()
        for place, pair in enumerate(stored):
            levels = attack.levels[place].tolist()
            ppca = linear.gaps(x[place], target[place], attack.budget, levels)
            lines = {"ppca": ppca} | {name: column[place] for name, column in columns.items()}
            if (certified := attack.found.certified_gaps(model, place)) is not None:
                lines["certified"] = certified
            pair.add(attack.found, place, threat, budgets, lines, checks[place])
    for number, pair in zip(numbers, stored, strict=True):
        *tables, tensors = _files(folder, number)
        write_tensors(tensors, pair.images)
        identity = dict(zip(("pair", *_SIDES), (number, *images.pairs[number]), strict=True))
        for path in reversed(tables):
            kind = path.parent.name
            write_rows(path, [_declared(kind, identity | row) for row in getattr(pair, kind)])


def _declared(kind: str, row: Row) -> Row:
    """A row with the declared columns of its kind, in their order; a missing value is null."""
    columns = [column.name for column in AUDIT_FILES[kind].columns]
    if undeclared := row.keys() - set(columns):
        raise KeyError(f"columns of {kind} without a declaration: {sorted(undeclared)}")
    return dict.fromkeys(columns) | row
