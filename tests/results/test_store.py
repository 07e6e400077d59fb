"""Views equal the files read by pyarrow; a query covers all runs."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.evaluation.measures import PAIR_MEASURES
from seatbelt_vae.results import Store
from seatbelt_vae.results.columns import views
from seatbelt_vae.runs import read_json, read_rows, write_json, write_rows
from tests.report.synthetic import KINDS, WEIGHTS, write_evaluation, write_suite, write_trained

from .conftest import HOSTILE, PAIRS

Row = dict[str, Any]

SUITE = "latent-kl-strong"
RUNS = ["begun", "beta-tcvae", "seatbelt", "sub/" + HOSTILE, "vae"]
SUITES = [
    *((run, SUITE) for run in RUNS[1:]),
    (RUNS[3], "latent-kl-paper"),
]


def parts(study: Path, pattern: str) -> Iterator[tuple[str, str, Row]]:
    """Every row of a kind of file by run and suite, read by pyarrow one file at a time."""
    for run in RUNS:
        for path in sorted((study / run).glob(pattern)):
            if not path.name.startswith("."):
                for row in pq.read_table(path).to_pylist():
                    yield run, path.relative_to(study / run).parts[1], row


def same(found: list[Row], expected: list[Row], known: set[str]) -> bool:
    """Compare rows as multisets, without the columns that their file lacks."""

    def shown(row: Row, names: set[str]) -> str:
        return json.dumps({name: row.get(name) for name in sorted(names)})

    names = {name for row in expected for name in row} | known
    return sorted(shown(row, names) for row in found) == sorted(
        shown(row, names) for row in expected
    )


@pytest.mark.parametrize(
    ("view", "pattern"),
    [
        ("pairs", "attacks/*/pairs/*.parquet"),
        ("budgets", "attacks/*/budgets/*.parquet"),
    ],
)
def test_a_view_of_suites_holds_every_row_of_every_file(
    view: str, pattern: str, store: Store, study: Path
) -> None:
    expected = [{"run": r, "suite": b, **row} for r, b, row in parts(study, pattern)]
    found = store.query(f"SELECT * FROM {view}").to_pylist()
    assert {(row["run"], row["suite"]) for row in found} == set(SUITES)
    assert same(found, expected, set(views()[view]))


@pytest.mark.parametrize(
    ("view", "pattern"),
    [
        ("metrics", "metrics/*.parquet"),
        ("sigma", "evaluation/sigma.parquet"),
        ("extras", "evaluation/extras.parquet"),
    ],
)
def test_a_view_of_runs_holds_every_row_of_every_file(
    view: str, pattern: str, store: Store, study: Path
) -> None:
    expected = [{"run": r, **row} for r, _, row in parts(study, pattern)]
    assert same(store.query(f"FROM {view}").to_pylist(), expected, set(views().get(view, ())))


def test_attacks_have_their_measures(store: Store, study: Path) -> None:
    measured = {
        (run, suite, row["pair"], row["level"]): row
        for run, suite, row in parts(study, "attacks/*/measures/*.parquet")
    }
    expected = [
        {**measured[run, suite, row["pair"], row["level"]], "run": run, "suite": suite, **row}
        for run, suite, row in parts(study, "attacks/*/pair-*.parquet")
    ]
    assert len(expected) == len(SUITES) * PAIRS * len(WEIGHTS)
    assert same(store.query("SELECT * FROM attacks").to_pylist(), expected, set(views()["attacks"]))


def test_attacks_without_measures_are_there_with_nulls(tmp_path: Path) -> None:
    place = write_suite(write_trained(tmp_path / "run", KINDS["vae"]), KINDS["vae"], 2)
    (place / "measures" / "pair-00001.parquet").unlink()
    found = Store.open([tmp_path]).query(
        "SELECT pair, count(*) AS n, count(gap) AS measured FROM attacks GROUP BY ALL ORDER BY ALL"
    )
    n = len(WEIGHTS)
    assert found.to_pylist() == [
        {"pair": 0, "n": n, "measured": n},
        {"pair": 1, "n": n, "measured": 0},
    ]


def test_evaluations_have_one_row_per_run(store: Store, study: Path) -> None:
    query = "SELECT run, elbo, iwae, tc_lower, tc_upper, mi_upper, sigma_norm_mean, active_units"
    found = {row.pop("run"): row for row in store.query(f"{query} FROM evaluations").to_pylist()}
    assert sorted(found) == RUNS
    assert set(found["begun"].values()) == {None}
    for run in RUNS[1:]:
        stored = read_json(study / run / "evaluation" / "measures.json")
        assert found[run] == {
            **{name: stored[name] for name in ("elbo", "iwae", "active_units")},
            "tc_lower": stored["total_correlation"]["lower"],
            "tc_upper": stored["total_correlation"]["upper"],
            "mi_upper": stored["mutual_information"]["upper"],
            "sigma_norm_mean": stored["sigma_norm"]["mean"],
        }


def test_summaries_and_flags_are_those_of_the_suites(store: Store, study: Path) -> None:
    summaries = store.query("SELECT * FROM summaries").to_pylist()
    flags = store.query("SELECT * FROM flags").to_pylist()
    for run, suite in SUITES:
        place = study / run / "attacks" / suite
        own = [row for row in summaries if (row["run"], row["suite"]) == (run, suite)]
        stored = read_json(place / "summary.json")["measures"]
        assert [row["measure"] for row in own] == list(PAIR_MEASURES)
        for row in own:
            assert {key: row[key] for key in stored[row["measure"]]} == stored[row["measure"]]
        raised = [row["name"] for row in flags if row["raised"] and row["run"] == run]
        assert raised == (["not converged"] if run == "beta-tcvae" else [])
        own = [row for row in flags if (row["run"], row["suite"]) == (run, suite)]
        assert [{k: v for k, v in row.items() if k not in ("run", "suite")} for row in own] == (
            read_json(place / "flags.json")
        )


def test_runs_have_their_effective_settings(store: Store, study: Path) -> None:
    columns = "beta, free_bits, depth, latent_sizes, top_size, objective, tc_estimator, finished"
    found = store.query(f"SELECT run, {columns} FROM runs").to_pylist()
    names = columns.split(", ")
    assert {row["run"]: [row[name] for name in names] for row in found} == {
        "begun": [6.0, 0.125, 3, [24, 12, 6], 6, "tc", "mws", False],
        "beta-tcvae": [6.0, 0.0, 1, [10], 10, "tc", "mws", True],
        "seatbelt": [6.0, 0.125, 3, [24, 12, 6], 6, "tc", "mws", True],
        "sub/" + HOSTILE: [1.0, 0.0, 1, [10], 10, "elbo", None, True],
        "vae": [1.0, 0.0, 1, [10], 10, "elbo", None, True],
    }
    digests = store.query("SELECT run, weights_digest FROM runs WHERE finished").to_pylist()
    assert {row["run"]: row["weights_digest"] for row in digests} == {
        run: hashlib.sha256((study / run / "model.safetensors").read_bytes()).hexdigest()[:16]
        for run in RUNS[1:]
    }


def test_suites_have_settings_and_progress(store: Store) -> None:
    found = store.query(
        "SELECT run, strength, weights, budgets, path, attacked, measured, finished FROM suites "
        "WHERE run LIKE 'sub/%' ORDER BY strength"
    ).to_pylist()
    assert [list(row.values())[1:] for row in found] == [
        ["paper", "published", None, "mean", 2, 2, True],
        ["strong", "relative", None, "mean", 2, 2, True],
    ]


def test_views_join_by_run_suite_and_pair(store: Store) -> None:
    joined = store.query(
        "SELECT count(*) AS n FROM attacks JOIN pairs USING (run, suite, pair) "
        "JOIN suites USING (run, suite) JOIN runs USING (run) JOIN evaluations USING (run)"
    )
    assert joined["n"].to_pylist() == [len(SUITES) * PAIRS * len(WEIGHTS)]


def test_every_view_begins_with_the_run_and_exists_without_files(tmp_path: Path) -> None:
    write_trained(tmp_path / "run", KINDS["vae"])
    store = Store.open([tmp_path])
    assert list(store.views) == list(views())
    for name, known in views().items():
        columns = store.views[name]
        assert next(iter(columns)) == "run"
        assert list(columns) == list(known)
        empty = store.query(f"SELECT * FROM {name} WHERE run = 'none'")
        assert empty.schema.names == list(columns)
        for column, kind in known.items():
            assert empty.schema.field(column).type == kind, (name, column)
    assert store.query("FROM attacks").num_rows == store.query("FROM flags").num_rows == 0


def test_pairs_have_every_measure_of_a_summary() -> None:
    assert set(PAIR_MEASURES) < set(views()["pairs"])


def test_a_column_of_nulls_here_and_numbers_there_is_one_of_numbers(tmp_path: Path) -> None:
    for name, value in (("a", None), ("b", 1), ("c", 2.5)):
        run = write_trained(tmp_path / name, KINDS["vae"])
        rows = [{"image": 0, "new": value, "only": value}]
        write_rows(run.path / "evaluation" / "sigma.parquet", rows)
    found = Store.open([tmp_path]).query("SELECT run, new FROM sigma ORDER BY run")
    assert found["new"].type == pa.float64()
    assert found["new"].to_pylist() == [None, 1.0, 2.5]


def test_a_view_may_have_any_file_name(store: Store) -> None:
    name = HOSTILE.casefold()
    assert list(store.views)[-1] == name
    quoted = '"' + name.replace('"', '""') + '"'
    assert store.query(f"FROM {quoted}").to_pylist() == [{"run": "seatbelt", 'what is "it\'s"?': 1}]


def test_unknown_columns_appear_in_views(tmp_path: Path) -> None:
    run = write_trained(tmp_path / "run", KINDS["vae"])
    place = write_suite(run, KINDS["vae"], 1)
    part = place / "pair-00000.parquet"
    write_rows(part, [{**row, "later": 7} for row in read_rows(part)])
    write_evaluation(run, KINDS["vae"])
    measures = run.path / "evaluation" / "measures.json"
    write_json(measures, {**read_json(measures), "own": {"value": 0.25}, "words": "yes"})
    write_rows(run.path / "evaluation" / "OWN.parquet", [{"factor": "shape", "gap": 0.25}])
    store = Store.open([tmp_path])
    assert store.query("SELECT DISTINCT later FROM attacks")["later"].to_pylist() == [7]
    assert store.query("SELECT own_value, words FROM evaluations").to_pylist() == [
        {"own_value": 0.25, "words": "yes"}
    ]
    assert store.query("FROM own").to_pylist() == [{"run": "run", "factor": "shape", "gap": 0.25}]


def test_a_query_of_one_run_reads_no_other_runs_files(tmp_path: Path) -> None:
    for name in "ab":
        write_suite(write_trained(tmp_path / name, KINDS["vae"]), KINDS["vae"], 1)
    store = Store.open([tmp_path])
    count = "SELECT count(*) AS n FROM pairs WHERE run = 'a'"
    assert store.query(count)["n"].to_pylist() == [1]
    part = tmp_path / "b" / "attacks" / SUITE / "pairs" / "pair-00000.parquet"
    part.write_bytes(b"no longer Parquet")
    assert store.query(count)["n"].to_pylist() == [1]
    with pytest.raises(ArtifactError, match=re.escape(str(part))):
        store.query("SELECT count(*) FROM pairs")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def of_other_types(path: Path) -> None:
    rows = [{name: [str(value)] for name, value in row.items()} for row in read_rows(path)]
    write_rows(path, rows)


@pytest.mark.parametrize(
    ("name", "view", "damage"),
    [
        (f"attacks/{SUITE}/pair-00001.parquet", "attacks", cut),
        (f"attacks/{SUITE}/measures/pair-00001.parquet", "attacks", cut),
        (f"attacks/{SUITE}/pairs/pair-00000.parquet", "pairs", cut),
        (f"attacks/{SUITE}/pairs/pair-00001.parquet", "pairs", of_other_types),
        ("metrics/part-000002000.parquet", "metrics", cut),
        ("evaluation/sigma.parquet", "sigma", cut),
        ("evaluation/measures.json", "evaluations", cut),
        ("config.toml", "runs", lambda path: path.write_text("[objective]\nbeta = 'ten'\n")),
        ("model.json", "runs", cut),
        ("run.json", "runs", lambda path: path.write_text('{"format": 99}')),
        (f"attacks/{SUITE}/config.toml", "suites", lambda path: path.write_text("x = ")),
        (f"attacks/{SUITE}/suite.json", "suites", lambda path: path.write_text("[]")),
        (f"attacks/{SUITE}/summary.json", "summaries", lambda path: path.write_text("{}")),
        (f"attacks/{SUITE}/flags.json", "flags", lambda path: path.write_text("[3]")),
    ],
)
def test_a_damaged_file_is_named_and_affects_only_its_view(
    name: str, view: str, damage: Callable[[Path], object], study: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(study / "vae", tmp_path / "a run")
    damage(run / name)
    store = Store.open([tmp_path])
    with pytest.raises(ArtifactError) as raised:
        store.query(f"SELECT count(*) FROM {view}")
    where = run if name == "run.json" else run / name
    assert str(raised.value).startswith(str(where))
    assert "\n" not in str(raised.value)
    assert store.query("SELECT count(*) AS n FROM units")["n"].to_pylist() == [0]


def test_a_value_of_another_type_names_run_and_measure(study: Path, tmp_path: Path) -> None:
    path = shutil.copytree(study / "vae", tmp_path / "run") / "evaluation" / "measures.json"
    write_json(path, {**read_json(path), "elbo": "high"})
    with pytest.raises(ArtifactError, match="run run has 'high' as elbo of its evaluations"):
        Store.open([tmp_path]).query("FROM evaluations")
