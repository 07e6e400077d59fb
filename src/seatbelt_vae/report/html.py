"""Writes a report as one HTML file with embedded pictures, no external resources, escaped text."""

import platform
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from seatbelt_vae.config import dump_toml
from seatbelt_vae.config.presets import summary_of
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.evaluation.fooled import FOOLED, UNMOVED
from seatbelt_vae.report import image_panels, suite_charts
from seatbelt_vae.report.collect import Run, Suite, collect, leading_suite
from seatbelt_vae.report.summary import comparison, summary_rows
from seatbelt_vae.report.tables import flag_tables, tables
from seatbelt_vae.report.templating import render_page
from seatbelt_vae.runs import RunFolder, atomic_write

__all__ = ["write_report"]

_PACKAGES = ("seatbelt-vae", "torch", "numpy")
_DEFAULT_EPSILON = 0.2


@dataclass(frozen=True)
class Recipe:
    """How to reproduce one run: commands, settings and facts."""

    model: str
    index: int
    commands: list[str]
    settings: list[tuple[str, str]]
    facts: list[tuple[str, str]]


def write_report(runs: Sequence[RunFolder | Path], out: Path) -> Path:
    """Write one HTML report of one or more runs; the write is atomic and deterministic.

    A section without results (attacks, measures, an evaluation) names the command that computes
    them.

    Args:
        runs: run folders, in the order of the report.
        out: path of the HTML file.

    Returns:
        ``out``.

    Raises:
        ArtifactError: a folder is not a run folder, a file is corrupt, or ``out`` is not writable.
    """
    for run in runs:
        if not isinstance(run, RunFolder | Path):
            raise ConfigError(f"a {type(run).__name__} is no run: give RunFolder or Path objects")
    folders = [run.path if isinstance(run, RunFolder) else run for run in runs]
    page = render_page("report.html", _content(collect(folders)))
    atomic_write(out, page.encode(errors="replace"))  # names may be invalid Unicode
    return out


def _content(runs: Sequence[Run]) -> dict[str, Any]:
    name = leading_suite(runs)
    rows = summary_rows(runs)
    shown = image_panels.panels(runs, name)
    epsilons = sorted({e for panel in shown for e in panel.scales})
    return {
        "runs": runs,
        "summary_of": summary_of,
        "suite": name,
        "within_budget": any(
            run.suites[name].config.within_budget
            for run in runs
            if name is not None and name in run.suites
        ),
        "rows": rows,
        "gauges": [suite_charts.gauge(row, index) for index, row in enumerate(rows)],
        "comparison": comparison(runs),
        "fooled": FOOLED,
        "unmoved": UNMOVED,
        "pairs": max((row["pairs"] for row in rows), default=0),
        "has_intervals": any(row["gap@0.2"]["low"] is not None for row in rows),
        "has_certificates": any(
            row.get("certified_gap") is not None
            for _, _, measured in image_panels.measured_runs(runs, name)
            for row in measured.budgets
        ),
        "panels": shown,
        "epsilons": epsilons,
        "default_epsilon": _DEFAULT_EPSILON if _DEFAULT_EPSILON in epsilons else (*epsilons, 0)[0],
        "curves": {
            "budgets": suite_charts.budget_curve(runs, name),
            "attack": suite_charts.attack_curve(runs, name),
            "damage": suite_charts.damage_curve(runs, name),
            "training": suite_charts.training_curve(runs),
            "sigma": suite_charts.sigma_density(runs),
        },
        "reconstructions": [image_panels.reconstructions(run) for run in runs],
        "traversals": [image_panels.traversals(run) for run in runs],
        "tables": tables(runs),
        "flag_tables": flag_tables(runs),
        "recipes": [_recipe(run, index) for index, run in enumerate(runs)],
        "report_command": _report_command(runs),
        "versions": [
            ("Python", platform.python_version()),
            *((package, version(package)) for package in _PACKAGES),
        ],
    }


def _recipe(run: Run, index: int) -> Recipe:
    folder = shlex.quote(f"again/{run.name}")
    if run.subject is not None:
        folder = f"{shlex.quote(run.subject['source'])} --data {shlex.quote(run.data.name)}"
    suites = run.suites.values()
    train = f"seatbelt-vae train {folder} --config {_quoted(run, 'config.toml')}"
    attacks = [
        f"seatbelt-vae attack {folder} --config {_quoted(run, 'attacks', b.name, 'config.toml')}"
        for b in suites
    ]
    evaluation = [f"seatbelt-vae evaluate {folder}"] if run.evaluation else []
    return Recipe(
        model=run.name,
        index=index,
        commands=[*([] if run.config is None else [train]), *attacks, *evaluation],
        settings=[
            *([] if run.config is None else [("config.toml", dump_toml(run.config.stored))]),
            *((f"attacks/{b.name}/config.toml", dump_toml(b.config)) for b in suites),
        ],
        facts=_facts(run, list(suites)),
    )


def _quoted(run: Run, *parts: str) -> str:
    return shlex.quote("/".join((run.name, *parts)))


def _facts(run: Run, suites: Sequence[Suite]) -> list[tuple[str, str]]:
    facts = [
        ("data set", run.data.name),
        *_origin(run),
        ("weights, SHA-256", run.weights or "not trained to the end"),
        *_evaluated(run),
        *((f"trained with {name}", str(value)) for name, value in run.conditions.items()),
    ]
    for suite in suites:
        facts += [
            (f"{suite.name}: seed", str(suite.config.seed)),
            (f"{suite.name}: digest", str(suite.about["digest"])),
            (f"{suite.name}: attacked model", str(suite.about["model"])),
        ]
    return facts


def _origin(run: Run) -> list[tuple[str, str]]:
    if run.config is None:
        return [("model", str((run.subject or {})["source"]))]
    return [("training seed", str(run.config.training.seed))]


def _evaluated(run: Run) -> list[tuple[str, str]]:
    found = run.evaluation.measures if run.evaluation else {}
    names = {"images": "evaluated images", "iwae_draws": "IWAE draws"}
    return [(text, str(found[name])) for name, text in names.items() if name in found]


def _report_command(runs: Sequence[Run]) -> str:
    folders = " ".join(shlex.quote(run.name) for run in runs)
    return f"seatbelt-vae report {folders} --out report.html"
