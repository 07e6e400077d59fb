"""Attacks and evaluations that earlier versions wrote are read, measured, resumed and queried."""

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from seatbelt_vae.attacks import run_suite
from seatbelt_vae.cli.options import Attack, Evaluate
from seatbelt_vae.cli.parsing import parse
from seatbelt_vae.config import AttackConfig, EvaluationConfig
from seatbelt_vae.config.attack import suite_name
from seatbelt_vae.errors import ArtifactError, ConfigError, ForeignStateError
from seatbelt_vae.evaluation import measure_suite
from seatbelt_vae.evaluation.measures import BUDGETS
from seatbelt_vae.models import load_model
from seatbelt_vae.report import collect, write_report
from seatbelt_vae.results import Store
from seatbelt_vae.runs import FORMAT, RunFolder, digest_of, read_rows, read_settings, write_settings
from seatbelt_vae.sweep import Grid, read_grid
from seatbelt_vae.workflow.status import is_attacked, is_evaluated, with_known_metrics
from tests.runs.written_run import EVALUATION, HALF, WHOLE, WRITTEN_BY, swiss_roll

VERSIONS = sorted(path.name for path in WRITTEN_BY.iterdir())
FIRST = WRITTEN_BY / "0.1.0" / "run"
SUITES = ("attacks/latent-kl-strong", "attacks/output-single")


@pytest.fixture(params=VERSIONS)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the run that a version wrote."""
    return Path(shutil.copytree(WRITTEN_BY / request.param / "run", tmp_path / "old" / "belt"))


def test_the_first_version_wrote_format_1() -> None:
    """Whatever the current one does, the stored sample must keep the names it has."""
    for suite in SUITES:
        assert (FIRST / suite / "battery.json").exists()
        assert "protocol" in tomllib.loads((FIRST / suite / "config.toml").read_text())
        assert "protocol" in pq.read_schema(FIRST / suite / "pair-00000.parquet").names
    settings = tomllib.loads((FIRST / "evaluation" / "config.toml").read_text())
    assert {"also", "downstream_protocols"} < settings.keys()
    layers = [row["layer"] for row in read_rows(FIRST / "evaluation" / "units.parquet")]
    assert sorted(set(layers)) == [0, 1]


def test_their_settings_are_what_they_were(stored: Path) -> None:
    for suite, config in zip(SUITES, (WHOLE, HALF), strict=True):
        assert read_settings(stored / suite / "config.toml", AttackConfig) == config
    assert read_settings(stored / "evaluation" / "config.toml", EvaluationConfig) == EVALUATION


def test_a_sweep_finds_done_what_is_done(stored: Path) -> None:
    assert is_attacked(stored, WHOLE)
    assert not is_attacked(stored, HALF)
    assert not is_attacked(stored, replace(WHOLE, seed=1))
    assert is_evaluated(stored, EVALUATION)
    fewer = replace(EVALUATION, optional_metrics=("codes",))
    assert with_known_metrics(stored, fewer) == EVALUATION


def test_they_are_reported(stored: Path) -> None:
    (run,) = collect([stored])
    assert list(run.suites) == ["latent-kl-strong", "output-single"]
    assert run.suites["output-single"].config == HALF
    assert run.suites["output-single"].pairs_attacked == 1
    assert run.suites["latent-kl-strong"].about["config"]["strength"] == "strong"
    write_report([stored], stored.parent / "report.html")
    assert "latent-kl-strong" in (stored.parent / "report.html").read_text()


def test_a_half_attacked_suite_is_resumed(stored: Path) -> None:
    folder = stored / SUITES[1]
    first = (folder / "pair-00000.parquet").read_bytes()
    before = {path.name for path in folder.iterdir()}
    told: list[tuple[int, int]] = []
    done = run_suite(
        RunFolder.open(stored),
        swiss_roll(),
        HALF,
        on_pairs=lambda now: told.append((now.done, now.resumed)),
    )
    assert done == folder
    assert told == [(1, 1), (2, 1), (3, 1)]
    assert (folder / "pair-00000.parquet").read_bytes() == first
    new = {path.name for path in folder.iterdir()} - before
    assert new == {
        ".lock",
        "flags.json",
        *(f"pair-0000{n}.{end}" for n in (1, 2) for end in ("parquet", "safetensors")),
    }
    rows = Store.open([stored]).query(
        "SELECT pair, count(*) AS levels FROM attacks WHERE strength = 'single' GROUP BY ALL "
        "ORDER BY pair"
    )
    assert rows.to_pylist() == [{"pair": pair, "levels": 3} for pair in range(3)]
    summary = measure_suite(folder, load_model(RunFolder.open(stored)))
    assert summary["pairs"] == 3


def test_other_settings_are_refused_and_only_they_are_named(stored: Path) -> None:
    with pytest.raises(ForeignStateError, match="holds a suite with another config: expected"):
        run_suite(RunFolder.open(stored), swiss_roll(), replace(HALF, draws=3))


def test_measuring_again_gives_the_same_summary(stored: Path) -> None:
    folder = stored / SUITES[0]
    before = json.loads((folder / "summary.json").read_text())
    found = measure_suite(folder, load_model(RunFolder.open(stored)))
    later = {"nll_excess", *(f"first_order_gap@{epsilon:g}" for epsilon in BUDGETS)}
    assert found["measures"].keys() - before["measures"].keys() == later
    for name, measure in before["measures"].items():
        assert found["measures"][name]["value"] == pytest.approx(measure["value"]), name


def test_they_serve_a_sibling(stored: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(stored, tmp_path / "other"))
    shutil.rmtree(other / "attacks")
    made = run_suite(RunFolder.open(other), swiss_roll(), WHOLE, sibling=RunFolder.open(stored))
    about = json.loads((made / "suite.json").read_text())
    assert about["sibling"] == about["model"]
    assert not (made / "battery.json").exists()


def _digest_of_format_1(folder: Path) -> tuple[str, dict[str, Any]]:
    about = json.loads((folder / "battery.json").read_text())
    stated: str = about.pop("digest")
    return stated, about


@pytest.mark.parametrize("config", [WHOLE, HALF])
def test_a_suite_has_the_digest_that_the_first_version_gave_it(
    config: AttackConfig, tmp_path: Path
) -> None:
    """So a suite of either format is the same suite, by the same name for settings and model."""
    run = Path(shutil.copytree(FIRST, tmp_path / "run"))
    shutil.rmtree(run / "attacks")
    made = run_suite(RunFolder.open(run), swiss_roll(), config)
    stated, about = _digest_of_format_1(FIRST / "attacks" / suite_name(config))
    now = json.loads((made / "suite.json").read_text())
    assert now["digest"] == stated
    del about["config"]["among"], about["config"]["threads"]
    assert digest_of(about) == stated
    assert now["config"]["strength"] == config.strength


def test_they_are_queried_under_the_current_names(stored: Path) -> None:
    store = Store.open([stored])
    assert store.query("SELECT suite, strength FROM suites ORDER BY ALL").to_pylist() == [
        {"suite": "latent-kl-strong", "strength": "strong"},
        {"suite": "output-single", "strength": "single"},
    ]
    attacks = "SELECT DISTINCT suite, strength, layers FROM attacks ORDER BY ALL"
    assert [tuple(row.values()) for row in store.query(attacks).to_pylist()] == [
        ("latent-kl-strong", "strong", "all"),
        ("output-single", "single", "all"),
    ]
    downstream = store.query("SELECT DISTINCT strength FROM downstream ORDER BY ALL")
    assert downstream["strength"].to_pylist() == ["clean", "single"]
    units = "SELECT layer, count(*) AS units FROM units GROUP BY layer ORDER BY layer"
    assert [tuple(row.values()) for row in store.query(units).to_pylist()] == [(1, 3), (2, 2)]
    former = {"protocol", "battery"}
    assert not [name for name, columns in store.views.items() if former & columns.keys()]


def test_rows_of_both_formats_are_one_view(stored: Path) -> None:
    new = Path(shutil.copytree(stored, stored.parent / "new"))
    shutil.rmtree(new / "attacks")
    run_suite(RunFolder.open(new), swiss_roll(), WHOLE)
    store = Store.open([stored.parent])
    counts = "SELECT run, strength, count(*) AS n FROM attacks GROUP BY ALL ORDER BY ALL"
    assert [tuple(row.values()) for row in store.query(counts).to_pylist()] == [
        ("belt", "single", 3),
        ("belt", "strong", 6),
        ("new", "strong", 6),
    ]


def test_an_export_of_old_runs_has_the_current_names(stored: Path, tmp_path: Path) -> None:
    live = Store.open([stored])
    live.export(tmp_path / "store")
    again = Store.open([tmp_path / "store"])
    assert again.views == live.views
    for view in live.views:
        sql = f"SELECT * FROM {view} ORDER BY ALL"
        assert again.query(sql).equals(live.query(sql)), view


@pytest.mark.parametrize("view", ["attacks", "suites", "summaries", "units", "downstream"])
def test_an_exported_store_of_format_1_has_them_too(view: str, tmp_path: Path) -> None:
    """As the first version would have exported its run, against the run itself."""
    run = Path(shutil.copytree(FIRST, tmp_path / "runs" / "belt"))
    live = Store.open([run])
    live.export(tmp_path / "store")
    _as_format_1(tmp_path / "store")
    old = Store.open([tmp_path / "store"])
    sql = f"SELECT * FROM {view} ORDER BY ALL"
    assert old.query(sql).equals(live.query(sql))
    both = Store.open([tmp_path / "store", _renamed(run, "other")])
    assert both.query(f"SELECT count(DISTINCT run) AS n FROM {view}").to_pylist() == [{"n": 2}]


def _renamed(run: Path, name: str) -> Path:
    return run.rename(run.with_name(name))


def _as_format_1(store: Path) -> None:
    """Give an exported store the names and numbers of format 1."""
    (store / "store.json").write_text(json.dumps({"format": 1, "kind": "results store"}))
    (store / "suites.parquet").rename(store / "batteries.parquet")
    names = {"suite": "battery", "strength": "protocol"}
    for path in store.glob("*.parquet"):
        rows = pq.read_table(path).replace_schema_metadata(None)
        if path.stem == "units":
            layers = [layer - 1 for layer in rows["layer"].to_pylist()]
            place = rows.column_names.index("layer")
            rows = rows.set_column(place, "layer", [layers])
        pq.write_table(rows.rename_columns([names.get(n, n) for n in rows.column_names]), path)


def test_old_settings_files_start_new_work(stored: Path) -> None:
    attack = parse(["attack", "run", "--config", str(stored / SUITES[1] / "config.toml")])
    assert isinstance(attack, Attack)
    assert attack.attack == HALF
    path = str(stored / "evaluation" / "config.toml")
    evaluation = parse(["evaluate", "run", "--config", path])
    assert isinstance(evaluation, Evaluate)
    assert evaluation.evaluation == EVALUATION


def test_so_do_old_grid_files(tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text(
        '[[attack]]\nprotocol = "paper"\n[evaluation]\nalso = ["codes"]\n'
    )
    assert read_grid(tmp_path / "grid.toml") == Grid(
        attack=(AttackConfig(strength="paper"),),
        evaluation=EvaluationConfig(optional_metrics=("codes",)),
    )


def test_what_is_written_states_its_format(tmp_path: Path) -> None:
    write_settings(tmp_path / "config.toml", HALF)
    assert tomllib.loads((tmp_path / "config.toml").read_text())["format"] == FORMAT
    assert read_settings(tmp_path / "config.toml", AttackConfig) == HALF


def test_an_old_name_in_a_new_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('format = 3\nprotocol = "paper"\n')
    with pytest.raises(ConfigError, match="unknown setting 'protocol'"):
        read_settings(tmp_path / "config.toml", AttackConfig)


def test_both_names_at_once_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('protocol = "paper"\nstrength = "single"\n')
    with pytest.raises(ConfigError, match="unknown setting 'protocol'"):
        read_settings(tmp_path / "config.toml", AttackConfig)


@pytest.mark.parametrize("number", ["4", "0", '"2"', "true"])
def test_settings_of_another_format_are_refused(number: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f"format = {number}\n")
    with pytest.raises(ArtifactError, match=r"is a settings file of format .*, this version"):
        read_settings(tmp_path / "config.toml", AttackConfig)
