"""The measures of a suite of attacks, and comparisons of two suites."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

from seatbelt_vae.attacks import Flag
from seatbelt_vae.attacks.suites.pair_files import pair_number
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.checks import one_of
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.evaluation.bootstrap import Estimate, paired_difference
from seatbelt_vae.evaluation.measured_flags import measured_flags
from seatbelt_vae.evaluation.measures import PAIR_MEASURES
from seatbelt_vae.evaluation.robustness import StoredAttacks, makes_budgeted, measure_pairs
from seatbelt_vae.evaluation.suite_summary import pair_row, summarise
from seatbelt_vae.parallel.shared_work import share_work
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.runs import (
    each_part,
    read_json,
    read_rows,
    read_settings,
    read_tensors,
    write_json,
    write_rows,
    write_tensors,
)

__all__ = ["compare_pairs", "compare_suites", "measure_suite"]

Row = dict[str, Any]


def measure_suite(
    folder: Path,
    model: Autoencoder,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Row:
    """Measure every attacked pair of a suite and write the results to the folder of the suite.

    Writes for every pair ``measures/`` (one row per attack, see `measure_pair`), ``budgets/``
    (matched budgets and their pictures) and ``pairs/`` (one row per pair, see `pair_row`), and at
    the end ``summary.json``. Every write is atomic. Pairs that were attacked together are measured
    together; measured ones are skipped, and several processes share the others.

    Args:
        folder: ``attacks/<suite>`` of a run, with the attack's ``config.toml``.
        model: the attacked model, in evaluation mode.
        on_progress: called with pairs done and pairs in all.

    Returns:
        The summary, as in ``summary.json``.

    Raises:
        ArtifactError: a folder without attacked pairs, or damaged files.
    """
    settings = read_settings(folder / "config.toml", AttackConfig)
    attacked = sorted(folder.glob("pair-*.parquet"))
    if not attacked:
        raise ArtifactError(f"no attacked pairs in {folder}: expected pair-*.parquet, run `attack`")
    for done in _measure_all(folder, model, attacked, settings):
        if on_progress is not None:
            on_progress(done, len(attacked))
    pairs = read_rows(folder / "pairs")
    flags = measured_flags(each_part(folder / "measures"), pairs, each_part(folder / "budgets"))
    summary = summarise(
        pairs,
        _with_flags(folder, flags),
        budgeted=makes_budgeted(settings),
        seed=settings.seed,
    )
    unmet = {name: found for name, m in PAIR_MEASURES.items() if (found := m.unmet(model))}
    summary |= {"left_out": unmet} if unmet else {}
    write_json(folder / "summary.json", summary)
    return summary


def compare_suites(first: Path, second: Path, measure: str, *, seed: int = 0) -> Estimate:
    """The paired difference of one measure between two measured suites, over common pairs.

    Arithmetic measures give a difference, geometric ones a ratio. Pairs that do not meet the needs
    of the measure for both models, such as ``told_apart``, are left out.

    Args:
        first, second: folders that `measure_suite` has measured.
        measure: a name among `PAIR_MEASURES`.
        seed: seed of the bootstrap.

    Raises:
        ConfigError: no such measure.
        ArtifactError: a folder is not measured, or the suites share no pair.
    """
    one_of("measure", measure, PAIR_MEASURES)
    rows = [read_rows(folder / "pairs") for folder in (first, second)]
    found = compare_pairs(rows[0], rows[1], measure, seed=seed)
    if found is None:
        raise ArtifactError(
            f"{first} and {second} share no pair of images: attack both with the same data, "
            f"pairs and seed"
        )
    return found


def compare_pairs(
    first: Sequence[Row], second: Sequence[Row], measure: str, *, seed: int = 0
) -> Estimate | None:
    """As `compare_suites`, from rows of pairs, see `pair_row`; None without a common pair.

    Raises:
        ConfigError: no such measure.
    """
    one_of("measure", measure, PAIR_MEASURES)
    known = [
        {(row["input_index"], row["target_index"]): row for row in rows} for rows in (first, second)
    ]
    common = sorted(known[0].keys() & known[1].keys())
    if not common:
        return None
    declared = PAIR_MEASURES[measure]
    usable = [key for key in common if all(declared.counts(k[key]) for k in known)]
    columns: list[list[Any]] = [[k[key].get(measure) for key in usable] for k in known]
    return paired_difference(columns[0], columns[1], declared.mean, seed=seed)


def _measure_all(
    folder: Path, model: Autoencoder, attacked: Sequence[Path], settings: AttackConfig
) -> Iterator[int]:
    """Measure the pairs in the groups of the attack; yields the number of measured pairs."""
    groups = [
        list(group)
        for _, group in groupby(attacked, lambda path: pair_number(path) // settings.together)
    ]
    parts = share_work(
        folder / ".measuring",
        len(groups),
        is_done=lambda part: all(
            file.exists() for path in groups[part] for file in _measured_files(path)
        ),
        work=lambda part: _measure(model, groups[part], settings),
    )
    yield from accumulate(len(groups[part]) for part, _ in parts)


def _measure(model: Autoencoder, paths: Sequence[Path], settings: AttackConfig) -> None:
    """Measure some pairs in one batch and store the results, ``pairs/`` last."""
    attacks = [_stored_attacks(path) for path in paths]
    found = measure_pairs(model, attacks, settings)
    for path, stored, measured in zip(paths, attacks, found, strict=True):
        measures, pictures, budgets, pair = _measured_files(path)
        write_rows(measures, measured.rows)
        write_tensors(pictures, measured.pictures)
        write_rows(budgets, measured.budget_rows)
        write_rows(pair, [pair_row(stored.rows, measured)])


def _stored_attacks(path: Path) -> StoredAttacks:
    tensors = read_tensors(path.with_suffix(".safetensors"))
    try:
        x, target, adversarial = (tensors[name] for name in ("x", "target", "adversarial"))
    except KeyError as error:
        raise ArtifactError(
            f"{path.with_suffix('.safetensors')} lacks {error}: delete the pair and attack again"
        ) from None
    return StoredAttacks(x, target, adversarial, read_rows(path))


def _measured_files(path: Path) -> tuple[Path, Path, Path, Path]:
    """Paths of a pair's measures, pictures, budgets, and its row in ``pairs/``."""
    measures, budgets, pair = (
        path.parent / n / path.name for n in ("measures", "budgets", "pairs")
    )
    return measures, budgets.with_suffix(".safetensors"), budgets, pair


def _with_flags(folder: Path, measured: Sequence[Flag]) -> list[Row]:
    """Merge flags with those of the attacks, which an interrupted suite does not have yet."""
    path = folder / "flags.json"
    if not path.exists():
        return [flag.as_dict() for flag in measured]
    names = {flag.name for flag in measured}
    attacked = [flag for flag in read_json(path) if flag["name"] not in names]
    flags: list[Row] = attacked + [flag.as_dict() for flag in measured]
    write_json(path, flags)
    return flags
