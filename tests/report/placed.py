"""Synthetic models with a chosen ELBO and a chosen robustness."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seatbelt_vae.evaluation.suite_summary import summarise
from seatbelt_vae.runs import read_json, read_rows, write_json, write_rows
from tests.report.synthetic import KINDS, write_evaluation, write_suite, write_trained

__all__ = ["PLACE", "SUITE", "change_pairs", "model"]

SUITE = "latent-kl-strong"
PLACE = Path("attacks") / SUITE

Row = dict[str, Any]


def model(path: Path, elbo: float | None, gaps: Sequence[float], flags: Sequence[str] = ()) -> Path:
    """A run with one ELBO and one gap per pair; AUDDC is half the gap."""
    folder = write_trained(path, KINDS["vae"])
    place = write_suite(folder, KINDS["vae"], len(gaps))
    change_pairs(
        place, lambda row: {"gap@0.2": gaps[row["pair"]], "auddc_worst": gaps[row["pair"]] / 2}
    )
    if elbo is not None:
        write_evaluation(folder, replace(KINDS["vae"], elbo=elbo))
    stored = read_json(place / "flags.json")
    write_json(place / "flags.json", [flag | {"raised": flag["name"] in flags} for flag in stored])
    return path


def change_pairs(place: Path, new: Callable[[Row], Row]) -> None:
    rows = [row | new(row) for row in read_rows(place / "pairs")]
    for row in rows:
        write_rows(place / "pairs" / f"pair-{row['pair']:05d}.parquet", [row])
    write_json(place / "summary.json", summarise(rows))
