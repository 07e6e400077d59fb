"""``results`` and ``compare``: tables for people, rows for machines, and errors of one line."""

import csv
import io
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from syrupy.assertion import SnapshotAssertion

from seatbelt_vae import Store
from seatbelt_vae.cli import main
from seatbelt_vae.cli.results import EXAMPLES
from seatbelt_vae.results.columns import views
from tests.report.synthetic import KINDS, write_demo, write_trained

from .conftest import Outcome

Asked = Callable[..., Outcome]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``runs`` in it: two attacked models, one only trained."""
    place = tmp_path_factory.mktemp("place")
    write_demo(place / "runs", 2, ["vae", "beta-tcvae"])
    write_trained(place / "runs" / "bare", KINDS["seatbelt"])
    return place


@pytest.fixture
def ask(runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    """A command with its arguments one by one, in the folder of the runs."""
    monkeypatch.chdir(runs)
    monkeypatch.setenv("COLUMNS", "100")

    def command(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = main(list(arguments))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return command


QUERY = (
    "SELECT run, beta, elbo, latent_sizes, finished, 40000 * count(*) OVER () AS many "
    "FROM runs LEFT JOIN evaluations USING (run) ORDER BY elbo"
)
LITERALS = (
    "SELECT 1 AS a, NULL AS b, 'x, y' AS c, [1.5, NULL] AS d, {'e': 2} AS e, sum(3) AS f, "
    "0.25::DECIMAL(4, 2) AS g, true AS h, DATE '2021-05-03' AS i"
)


def test_a_table(ask: Asked, snapshot: SnapshotAssertion) -> None:
    found = ask("results", QUERY)
    assert (found.code, found.err) == (0, "")
    assert found.out == snapshot


def test_what_is_too_wide_for_a_line_is_a_block_a_row(
    ask: Asked, snapshot: SnapshotAssertion
) -> None:
    found = ask("results", "SELECT * EXCLUDE (weights_digest) FROM runs WHERE run = 'bare'")
    assert found.out == snapshot
    assert ask("results", "FROM pairs").err == ""


def test_rows_beyond_those_shown_are_counted(ask: Asked) -> None:
    found = ask("results", "SELECT step, elbo FROM metrics")
    assert len(found.out.splitlines()) == 201
    assert found.err == "200 of 1,560 rows are shown: --csv, --json and --out give all\n"
    found = ask("results", "FROM attacks")
    assert found.out.count("pair ") == 10
    assert found.err == "10 of 116 rows are shown: --csv, --json and --out give all\n"


def test_a_select_may_be_longer_than_the_name_of_a_file(ask: Asked) -> None:
    sql = "SELECT count(*) AS found FROM runs WHERE " + " AND ".join(["beta IS NOT NULL"] * 40)
    assert len(sql) > 255
    told = ask("results", sql, "--json")
    assert (told.code, told.err) == (0, "")
    assert json.loads(told.out)


def test_json_csv_and_parquet_hold_the_same(ask: Asked, tmp_path: Path) -> None:
    found = json.loads(ask("results", LITERALS, "--json").out)
    values = [1, None, "x, y", [1.5, None], {"e": 2}, 3, 0.25, True, "2021-05-03"]
    assert found == {
        "columns": list("abcdefghi"),
        "rows": [dict(zip("abcdefghi", values, strict=True))],
    }
    header, row = csv.reader(io.StringIO(ask("results", LITERALS, "--csv").out))
    assert header == list("abcdefghi")
    texts = ["1", "", "x, y", "[1.5, null]", '{"e": 2}', "3", "0.25", "true", "2021-05-03"]
    assert row == texts
    out = tmp_path / "rows.parquet"
    assert ask("results", QUERY, "--out", str(out)).out == f"3 rows: {out}\n"
    assert pq.read_table(out).equals(Store.open([Path("runs")]).query(QUERY))
    told = json.loads(ask("results", QUERY, "--out", str(out), "--json").out)
    assert told == {"rows": 3, "written": str(out)}


def test_two_columns_of_one_name_are_both_there(ask: Asked) -> None:
    pairs = "runs AS a JOIN runs AS b ON a.run < b.run WHERE b.run = 'vae' ORDER BY 1"
    sql = f"SELECT a.run, b.run FROM {pairs}"
    found = json.loads(ask("results", sql, "--json").out)
    assert found == {
        "columns": ["run", "run_2"],
        "rows": [{"run": "bare", "run_2": "vae"}, {"run": "beta-tcvae", "run_2": "vae"}],
    }


def test_without_sql_it_says_what_there_is_and_every_example_works(ask: Asked) -> None:
    listed = ask("results").out
    rows = {"runs": 3, "suites": 2, "pairs": 4, "flags": 32, "units": 0}
    for view, count in rows.items():
        assert f"{view}: {count} rows\n    run, " in listed
    examples = [line for line in listed.splitlines() if line.startswith("seatbelt-vae ")]
    assert [shlex.split(line)[2] for line in examples] == list(EXAMPLES)
    for line, expected in zip(examples, (3, 2, 1), strict=True):
        found = json.loads(ask(*shlex.split(line)[1:], "--json").out)
        assert len(found["rows"]) == expected
    told = json.loads(ask("results", "--json").out)
    assert list(told["views"]) == list(views())
    assert told["views"]["runs"] == {
        "rows": 3,
        "columns": dict(Store.open([Path("runs")]).views["runs"]),
    }
    elsewhere = ask("results", "--runs", "runs/vae", "runs/bare").out
    assert elsewhere.splitlines()[-1].endswith('raised" --runs runs/vae runs/bare')


def test_an_export_is_asked_like_the_runs(ask: Asked, tmp_path: Path) -> None:
    out = str(tmp_path / "all")
    assert ask("results", "--export", out).out == f"exported: {out}\n"
    assert ask("results", QUERY, "--runs", out).out == ask("results", QUERY).out
    again = ask("results", "--export", out, "--json")
    assert again.code == 2
    assert "exists and is not empty" in again.err
    told = ask("results", "--export", f"{out}2", "--json")
    assert json.loads(told.out) == {"exported": f"{out}2"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["results", "SELECT elbo FROM runs"],
        ["results", "SELECT * FROM evaluatons"],
        ["results", "DROP VIEW runs"],
        ["results", "COPY runs TO 'x'"],
        ["results", "--runs", "runs", "FROM runs"],
        ["results", "SELECT 1 AS a, INTERVAL 1 DAY AS b, 2 AS c", "--out", "x.parquet"],
        ["compare", "runs", "--suite", "latent-kl"],
        ["compare", "runs", "--against", "vea"],
        ["compare", "runs", "nowhere"],
    ],
)
def test_an_error_is_one_line(
    arguments: list[str], ask: Asked, runs: Path, snapshot: SnapshotAssertion
) -> None:
    before = sorted(runs.rglob("*"))
    refused = ask(*arguments)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.count("\n") == 1
    assert refused.err == snapshot
    assert sorted(runs.rglob("*")) == before


def test_compare_says_where_the_page_lies(ask: Asked, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert ask("compare", "runs", "--out", str(out)).out == f"comparison: {out}\n"
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    told = ask("compare", "runs/vae", "runs/bare", "--out", str(out), "--json")
    assert json.loads(told.out) == {"comparison": str(out)}
    assert 'data-sort="vae"' in out.read_text(encoding="utf-8")


def test_an_answer_does_not_import_torch_nor_the_store_duckdb(runs: Path) -> None:
    script = (
        "import sys, seatbelt_vae.results\n"
        "print('duckdb' in sys.modules)\n"
        "from seatbelt_vae.cli import main\n"
        "main(['results', 'SELECT count(*) AS n FROM runs', '--csv'])\n"
        "print('torch' in sys.modules)\n"
    )
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, cwd=runs, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["False", "n", "3", "False"]
    assert ended.stderr == ""
