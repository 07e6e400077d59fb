"""Checks the stored values that a report shows against the declared types of their columns."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.results.columns import Known, views
from seatbelt_vae.results.documents import flat
from seatbelt_vae.runs.contents import SUBJECT, Run
from seatbelt_vae.runs.rows import read_rows
from seatbelt_vae.runs.suite_contents import ATTACKS
from seatbelt_vae.runs.suites import suite_file

__all__ = ["check_rows", "check_values"]

Row = dict[str, Any]
Part = tuple[str, Path, Sequence[Row]]
"""View, file or folder of files, and rows."""

_TYPES: Mapping[pa.DataType, tuple[str, Any]] = {
    pa.string(): ("text", str),
    pa.bool_(): ("true or false", bool),
    pa.int64(): ("a whole number", int),
    pa.float64(): ("a number", int | float),
}
_ARCHITECTURE: Known = {
    "source": pa.string(),
    "digest": pa.string(),
    "event_shape": pa.list_(pa.int64()),
    "latent_sizes": pa.list_(pa.int64()),
}
_REQUIRED = {
    "metrics": ("step", "split", "elbo"),
    "sigma": ("sigma_norm",),
    "attacks": ("pair", "level"),
    "measures": ("pair",),
    "budgets": ("pair", "epsilon"),
    "pairs": ("pair", "input_index", "target_index", "told_apart"),
    "flags": ("name", "raised"),
    "suites": ("digest", "model"),
    "architecture": ("latent_sizes",),
    "audit_worst": (
        *("pair", "input_index", "target_index", "threat", "epsilon", "goal", "loss"),
        "told_apart",
    ),
    "audit_checks": (
        *("pair", "threat", "repeatable", "gradient_usable", "clamped_units", "training_mode"),
        "noise_wins",
    ),
}
"""Columns of each view that are never null."""

_DRAWN = {
    "metrics": ("step", "elbo"),
    "sigma": ("sigma_norm",),
    "attacks": (
        *("level", "level_relative", "delta"),
        *("divergence_start", "divergence_floor", "divergence_ratio"),
    ),
    "measures": ("distortion", "distance_relative"),
    "budgets": ("epsilon", "gap", "blend_gap", "distance_relative"),
    "pairs": ("gap@0.2",),
    "summaries": ("value", "low", "high"),
    "audit_worst": ("epsilon", "value"),
}
"""Columns of each view that charts show, so that they must be finite."""


def check_values(run: Run) -> None:
    """Check the rows and documents of a run.

    Raises:
        ArtifactError: a value is not of the declared type, or a value of a chart is not finite.
    """
    for view, place, rows in _parts(run):
        check_rows(view, place, rows)
    layers = len((run.architecture or {}).get("latent_sizes", ()))
    for row in run.evaluation.sigma if run.evaluation is not None else ():
        if len(row["sigma_norm"]) != layers:
            raise ArtifactError(
                f"{run.folder}/evaluation/sigma.parquet: sigma_norm has {len(row['sigma_norm'])} "
                f"values, expected {layers}, one per layer: evaluate again"
            )


def check_rows(view: str, place: Path, rows: Sequence[Row]) -> None:
    """Check the rows of one view, which are stored in a file, or in the files of a folder.

    Raises:
        ArtifactError: as for `check_values`.
    """
    known = {**views(), "measures": views()["attacks"], "architecture": _ARCHITECTURE}[view]
    fault = _first_fault(view, known, rows)
    if fault is None:
        return
    pattern = ATTACKS if view == "attacks" else "*.parquet"
    for path in sorted(place.glob(pattern)):  # none if the place is a file
        if _first_fault(view, known, read_rows(path)):
            place = path
            break
    raise ArtifactError(f"{place}: {fault}: move it away and run the step again")


def _parts(run: Run) -> Iterator[Part]:
    if run.architecture is not None:
        place = run.folder / ("model.json" if run.subject is None else SUBJECT)
        yield "architecture", place, [run.architecture]
    yield "metrics", run.folder / "metrics", run.metrics
    if run.evaluation is not None:
        place = run.evaluation.folder
        yield "evaluations", place / "measures.json", [dict(flat(run.evaluation.measures))]
        yield "sigma", place / "sigma.parquet", run.evaluation.sigma
    for suite in run.suites.values():
        about = {name: suite.about.get(name) for name in ("digest", "model")}
        yield "suites", suite_file(suite.folder), [about]
        yield "attacks", suite.folder, suite.attacks
        yield "flags", suite.folder / "flags.json", suite.flags or []
        if (measured := suite.measured) is not None:
            place = measured.folder
            yield "summaries", place / "summary.json", list(measured.estimates.values())
            yield "pairs", place / "pairs", measured.pairs
            yield "measures", place / "measures", measured.attacks
            yield "budgets", place / "budgets", measured.budgets


def _first_fault(view: str, known: Known, rows: Sequence[Row]) -> str | None:
    """Column, value and expected value of the first wrong value; None if every value is right."""
    required, drawn = _REQUIRED.get(view, ()), _DRAWN.get(view, ())
    for row in rows:
        for name, kind in known.items():
            value = row.get(name)
            if value is None and name not in required:
                continue
            fault = _fault(value, kind, name in drawn)
            if fault is not None:
                return f"{name} is {str(value)[:40]!r}, expected {fault}"
    return None


def _fault(value: Any, kind: pa.DataType, drawn: bool) -> str | None:
    """The expected value if ``value`` is not of a type, or is drawn and not finite."""
    if isinstance(kind, pa.ListType):
        if not isinstance(value, list):
            return "a list"
        inner = (_fault(part, kind.value_type, drawn) for part in value)
        return next((f"a list, each {fault}" for fault in inner if fault), None)
    expected, accepted = _TYPES[kind]
    if not isinstance(value, accepted) or (isinstance(value, bool) and accepted is not bool):
        return str(expected)
    return "a finite number" if drawn and isinstance(value, float) and not isfinite(value) else None
