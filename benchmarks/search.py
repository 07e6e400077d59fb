"""The strong attack's defaults against an independent search, on every loss and threat.

    python -m benchmarks.search --json --rows runs/search.jsonl
    python -m benchmarks.search --models mlp --losses latent-w2 --threats penalty --pairs 4
    python -m benchmarks.search --shard 1/2 --rows runs/search-1.jsonl

A row is a pair and a level. Ours is `checked_attack` with default settings. The search descends
from 36 starts of other distributions (`benchmarks.search_starts`), then far from the best few, by
SciPy's L-BFGS-B in float64 (`benchmarks.search_descents`). Both end points are evaluated by
`benchmarks.exact_problem`, in float64 and without the package's losses. `relative_difference` is
(ours − search) / (ours − c) with the loss's floor c; for a loss without a floor, the share of the
search's gain that ours misses. Differences below 10⁻⁶ (r₀ − c) are rounding. `remaining` is
(ours − c) / (r₀ − c): below 10⁻³ both have reached the target, and the relative difference compares
two small remainders. The summary counts such rows among the beaten ones, and apart.

The promise: beaten by more than 1 % on at most 1 % of rows, by more than 5 % on none, never beaten
without a flag, and no solution is an untouched start point without a flag. The exit status is 1
if it fails. With `--rows`, finished parts are read from that file and not computed again: an
interrupted run resumes. ``--shard k/n`` takes every n-th part, from the k-th on; the rows of all
shards in one file give the total.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from benchmarks.exact_problem import WRITTEN_OUT, ExactProblem
from benchmarks.machine import machine
from benchmarks.models import SMALL_MODELS, images_of, trained
from benchmarks.search_descents import Effort, search
from benchmarks.search_starts import start_distortions
from seatbelt_vae.attacks import CheckedAttack, checked_attack
from seatbelt_vae.attacks.diagnostics import suite_flags
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.attack import THREATS, parse_layers
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.models import HierarchicalVAE, fold_batch_norm, load_model
from seatbelt_vae.parallel.process_settings import tune_process
from seatbelt_vae.protocol import draw_noise
from seatbelt_vae.randomness import Stream, generator_for

_OTHERS = 8
_ROUNDING = 1e-6
_BEATEN, _BADLY_BEATEN, _SHARE_BEATEN = 0.01, 0.05, 0.01
_REACHED = 1e-3
_PART = ("model", "loss", "threat", "layers", "pair")

Row = dict[str, Any]
Part = tuple[str, str, str, str, int]


@dataclass(frozen=True)
class Subject:
    """A model in float32 and float64 with the images of its pairs, (P, C, H, W), and others."""

    name: str
    model: HierarchicalVAE
    inputs: Tensor
    targets: Tensor
    others: Tensor

    @classmethod
    def of(cls, name: str, folder: Path, pairs: int) -> "Subject":
        """A trained model of ``folder``."""
        run = trained(name, folder)
        inputs, targets = images_of(run, pairs + _OTHERS)
        model = load_model(run).eval().requires_grad_(False)
        return cls(name, model, inputs[:pairs], targets[:pairs], inputs[pairs:])


def compare(
    subject: Subject, config: AttackConfig, pair: int, count: int, effort: Effort
) -> Iterator[Row]:
    """One row per chosen level of one pair."""
    x, target = subject.inputs[pair, None], subject.targets[pair, None]
    layers = parse_layers(config.layers, len(subject.model.latent_sizes))
    noise = None
    if config.path_used == "common":
        # the noise is part of the problem: that of the attack
        generator = generator_for(Stream.LOSS_NOISE, config.seed, pair)
        noise = [
            layer.double()
            for layer in draw_noise(subject.model.latent_sizes, (config.draws, 1), generator)
        ]
    wide, images = deepcopy(subject.model).double(), (x.double(), target.double())
    exact = ExactProblem(wide, config.loss, config.threat, layers, *images, noise)
    began = time.perf_counter()
    folded = fold_batch_norm(deepcopy(subject.model))
    ours = checked_attack(folded, x, target, config, pair_numbers=[pair])
    halfway = time.perf_counter()
    chosen = _chosen(ours.result.levels.shape[1], count, within_budget=config.within_budget)
    levels = ours.result.levels[0, chosen].double()
    generator = torch.Generator().manual_seed(pair)
    starts = start_distortions(exact, subject.others.double(), generator)
    kinds = [kind for kind, points in starts.items() for _ in points]
    found, origins = search(exact, levels, torch.cat([*starts.values()]), effort)
    seconds = {"seconds": halfway - began, "seconds_search": time.perf_counter() - halfway}
    mine = ours.result.points[0, chosen].double() - exact.x.flatten()
    for row, level in enumerate(chosen):
        yield {
            "model": subject.name,
            "loss": config.loss,
            "threat": config.threat,
            "layers": config.layers,
            "pair": pair,
            **_of_attack(ours, level),
            **_values(exact, levels[row, None], mine[row, None], found[row, None]),
            "start_search": kinds[origins[row]],
            **seconds,
        }


def _chosen(levels: int, count: int, *, within_budget: bool) -> list[int]:
    """Indices of the compared levels; under a penalty without the extremes, which are trivial."""
    first, last = (0, levels - 1) if within_budget else (1, round(0.8 * (levels - 1)))
    grid = torch.linspace(first, last, min(count, levels)).round().long()
    return [int(level) for level in grid.unique()]


def _of_attack(ours: CheckedAttack, level: int) -> Row:
    """Facts of our solution, with the flags that its row raises."""
    row = ours.rows(0)[level]
    flags = [flag.name for flag in suite_flags([[row]]) if flag.raised]
    names = ("level", "level_relative", "distance_relative", "status", "start")
    return {
        **{name: row[name] for name in names},
        "reported": row["delta"],
        "start_point": row["status"] == "start point",
        "flags": flags,
    }


def _values(exact: ExactProblem, level: Tensor, mine: Tensor, found: Tensor) -> Row:
    """Objectives of both distortions (1, n), and their relative difference."""
    with torch.no_grad():
        start = float(exact.divergence(torch.zeros_like(mine)))
        ours, theirs = (float(exact.divergence(d) + exact.cost(d, level)) for d in (mine, found))
        floor = exact.floor()
    scale = start - theirs if floor is None else ours - floor
    rounding = _ROUNDING * (abs(scale) if floor is None else start - floor)
    difference = ours - theirs
    significant = abs(difference) > rounding
    return {
        "ours": ours,
        "search": theirs,
        "relative_difference": difference / max(scale, rounding) if significant else 0.0,
        "remaining": None if floor is None else (ours - floor) / (start - floor),
    }


def summary(rows: Sequence[Row], **about: Any) -> Row:
    """Shares of rows that break the promise."""
    differences = [row["relative_difference"] for row in rows]
    beaten = [row for row in rows if row["relative_difference"] > _BEATEN]
    found: Row = {
        **about,
        "rows": len(rows),
        "share_beaten": len(beaten) / len(rows),
        "share_beaten_badly": sum(d > _BADLY_BEATEN for d in differences) / len(rows),
        "share_ahead": sum(d < -_BEATEN for d in differences) / len(rows),
        "beaten_at_target": sum(
            row["remaining"] is not None and row["remaining"] < _REACHED for row in beaten
        ),
        "beaten_without_flag": sum(not row["flags"] for row in beaten),
        "start_points": sum(row["start_point"] for row in rows),
        "start_points_without_flag": sum(row["start_point"] and not row["flags"] for row in rows),
        "misreported": sum(
            abs(row["reported"] - row["ours"]) > 1e-3 * max(abs(row["ours"]), _ROUNDING)
            for row in rows
        ),
        "largest_difference": max(differences),
    }
    found["promise_kept"] = (
        found["share_beaten"] <= _SHARE_BEATEN
        and found["share_beaten_badly"] == 0
        and not found["beaten_without_flag"]
        and not found["start_points_without_flag"]
    )
    return found


def measure(arguments: argparse.Namespace, known: Sequence[Row]) -> Iterator[Row]:
    """All rows, those of finished parts from ``known``."""
    effort = (arguments.evaluations, arguments.finalists, arguments.long_evaluations)
    shard, shards = arguments.shard
    subject: Subject | None = None
    for number, part in enumerate(_parts(arguments)):
        finished = [row for row in known if tuple(row[key] for key in _PART) == part]
        if finished or number % shards != shard - 1:
            yield from finished
            continue
        name, loss, threat, layers, pair = part
        if subject is None or subject.name != name:
            subject = Subject.of(name, arguments.folder, max(arguments.pairs) + 1)
        config = AttackConfig(loss=loss, threat=cast(Any, threat), layers=layers)
        yield from list(compare(subject, config, pair, arguments.levels, effort))


def _parts(arguments: argparse.Namespace) -> Iterator[Part]:
    """Model, loss, threat, layers and pair of every part, without combinations that are refused."""
    for name in arguments.models:
        sizes = SMALL_MODELS[name].model.latent_sizes or ()
        layers = arguments.layers if len(sizes) > 1 else ["all"]
        cases = product(arguments.losses, arguments.threats, layers, arguments.pairs)
        for loss, threat, chosen, pair in cases:
            try:
                AttackConfig(loss=loss, threat=threat, layers=chosen)
            except ConfigError:
                continue
            yield name, loss, threat, chosen, pair


def _shard(text: str) -> tuple[int, int]:
    """The number of a shard and the count of shards, from ``k/n``."""
    number, slash, count = text.partition("/")
    if not (slash and number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r}, expected k/n with 1 ≤ k ≤ n, such as 1/2")
    return int(number), int(count)


def main() -> None:
    """Print the rows, a summary per loss and threat, and the total."""
    arguments = _arguments()
    tune_process(arguments.threads)
    file, rows = arguments.rows, []
    known = _stored(file)
    for row in measure(arguments, known):
        rows.append(row)
        if file is not None and row not in known:
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(row) + "\n")
        if arguments.json:
            print(json.dumps({"benchmark": "search", **row, **machine()}), flush=True)
    if not rows:
        sys.exit("no loss and threat given go together: see --help")
    for found in _summaries(rows):
        row = {"benchmark": "search, summary", **found, **machine()}
        print(json.dumps(row) if arguments.json else _line(found), flush=True)
    sys.exit(0 if found["promise_kept"] else 1)


def _stored(file: Path | None) -> list[Row]:
    if file is None or not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _summaries(rows: Sequence[Row]) -> Iterable[Row]:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["loss"], row["threat"]), []).append(row)
    for (loss, threat), some in groups.items():
        yield summary(some, loss=loss, threat=threat)
    yield summary(rows, loss="all", threat="all")


def _line(row: Row) -> str:
    return (
        f"{row['loss']:22} {row['threat']:15} {row['rows']:5} rows: beaten by over 1 % on "
        f"{row['share_beaten']:.1%}, by over 5 % on {row['share_beaten_badly']:.1%} (at most "
        f"{row['largest_difference']:.1%}), {row['beaten_at_target']} of them at the target, "
        f"without a flag {row['beaten_without_flag']}; start "
        f"points {row['start_points']}, without a flag {row['start_points_without_flag']}; "
        f"misreported {row['misreported']}; ahead by over 1 % on {row['share_ahead']:.1%}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names, losses = list(SMALL_MODELS), list(WRITTEN_OUT)
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    parser.add_argument("--losses", nargs="+", choices=losses, default=losses)
    parser.add_argument("--threats", nargs="+", choices=THREATS, default=THREATS)
    parser.add_argument("--layers", nargs="+", default=["all", "top"], help="of deep models")
    parser.add_argument("--pairs", nargs="+", type=int, default=[0, 1], help="their numbers")
    parser.add_argument("--levels", type=int, default=5, help="compared levels per pair")
    parser.add_argument("--evaluations", type=int, default=40, help="of a first descent")
    parser.add_argument("--finalists", type=int, default=3, help="second descents per level")
    parser.add_argument("--long-evaluations", type=int, default=1000, help="of a second descent")
    parser.add_argument("--shard", type=_shard, default=(1, 1), help="k/n: the k-th of n parts")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=Path, help="JSON lines: finished rows, read and added to")
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmark"), help="of the models")
    parser.add_argument("--json", action="store_true", help="one JSON row per line, or a summary")
    return parser.parse_args()


if __name__ == "__main__":
    main()
