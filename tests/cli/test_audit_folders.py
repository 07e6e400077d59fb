"""``report``, ``compare``, ``results`` and ``share`` on folders with an audit, whole or damaged."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seatbelt_vae.runs import write_tensors
from tests.attacks.suite_runs import make_run
from tests.auditing.small_models import QUICK, Linear, images
from tests.auditing.stored_audit import IMAGE, images_of, write_audited
from tests.cli.conftest import Run
from tests.report.synthetic import write_demo


@pytest.fixture(scope="module")
def only_audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results that has an audit and nothing else; the data are those of `QUICK`."""
    from dataclasses import replace

    from seatbelt_vae import audit

    folder = tmp_path_factory.mktemp("audited") / "small"
    quickest = replace(QUICK, losses=("latent-l2",), gradient_free=0)
    audit(Linear(), images(), quickest, out=folder)
    return folder


def test_an_audit_without_other_results_has_its_own_report(only_audited: Path, run: Run) -> None:
    report = only_audited / "audit" / "report.html"
    before = report.read_bytes()
    report.unlink()
    assert run(f"report {only_audited}").out == f"report: {report}\n"
    assert report.read_bytes() == before
    done = run(f"report {only_audited} {only_audited}/audit")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.endswith(
        "has an audit only, which has a report of its own: give it alone, or `compare` audits"
    )


@pytest.mark.parametrize("place", ["{}", "{}/audit", "copy", "copies", "copies/small"])
def test_an_audit_without_its_model_is_read(
    place: str, only_audited: Path, run: Run, tmp_path: Path
) -> None:
    """The folder of results, its audit, and copies of the audit alone."""
    shutil.copytree(only_audited / "audit", tmp_path / "copy")
    shutil.copytree(only_audited / "audit", tmp_path / "copies" / "small" / "audit")
    folder = place.format(only_audited)
    assert run(f"compare {folder} --out page.html").code == 0
    assert "gap@0.2" in (tmp_path / "page.html").read_text()
    (audit,) = json.loads(run(f"results --json FROM/**/audits --runs {folder}").out)["rows"]
    stated = json.loads((only_audited / "audit" / "audit.json").read_text())
    assert (audit["digest"], audit["name"]) == (stated["target"]["digest"], "small")
    (model,) = json.loads(run(f"results --json FROM/**/runs --runs {folder}").out)["rows"]
    assert (model["latent_sizes"], model["finished"]) == ([64], True)
    assert model["data"] == ("in memory" if place == "{}" else "memory")
    rows = json.loads(run(f"results --json FROM/**/audit_worst --runs {folder}").out)["rows"]
    assert {row["run"] for row in rows} == {audit["run"]}
    assert "\naudits: 1 rows\n" in run(f"results {folder}").out


def test_copies_of_two_audits_are_compared(only_audited: Path, run: Run, tmp_path: Path) -> None:
    for name in ("before", "after"):
        shutil.copytree(only_audited / "audit", tmp_path / name / "audit")
    assert run("compare before/audit after/audit --out page.html").code == 0
    page = (tmp_path / "page.html").read_text()
    assert "before/audit" in page
    assert "after/audit" in page
    assert "difference" in page


def test_a_copied_audit_reports(only_audited: Path, run: Run, tmp_path: Path) -> None:
    whole = only_audited / "audit"
    shutil.copytree(whole, tmp_path / "copy")
    (tmp_path / "copy" / "report.html").unlink()
    done = run("report copy")
    assert (done.code, done.out) == (0, "report: copy/report.html\n")
    report = (tmp_path / "copy" / "report.html").read_bytes()
    assert report == (whole / "report.html").read_bytes()
    assert run("report copy --out elsewhere.html").code == 0
    assert (tmp_path / "elsewhere.html").read_bytes() == report


def test_a_run_with_suites_and_an_audit_is_compared(run: Run, tmp_path: Path) -> None:
    write_demo(tmp_path / "runs", 2, ["vae"])
    write_audited(tmp_path / "runs" / "vae" / "audit")
    assert run("compare runs --out all.html").code == 0
    assert run("report runs/vae").code == 0


_DAMAGES = {
    "a list": "[]",
    "half": '{"schema_version": 1, "tool"',
    "another schema": '{"schema_version": 7}',
    "another type": json.dumps({"schema_version": 1, "results": "none"}),
    "deep": "[" * 100_000,
    "nested": '{"schema_version": 1, "settings": ' + "[" * 900 + "]" * 900 + "}",
    "long number": '{"schema_version": ' + "1" * 5000 + "}",
}


@pytest.mark.parametrize("content", _DAMAGES.values(), ids=_DAMAGES)
def test_a_hostile_document_is_one_line(content: str, run: Run, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "vae")
    folder = write_audited(tmp_path / "runs" / "vae" / "audit")
    (folder / "audit.json").write_text(content)
    commands = ("report runs/vae/audit", "share runs/vae shared", "results FROM/**/audits")
    for command in commands:
        done = run(command)
        assert done.code == 2, command
        (line,) = done.err.splitlines()
        assert line.startswith("seatbelt-vae: error: ")
        assert "audit.json" in line


_VALUES = {
    "value": [float("inf"), "x"],
    "epsilon": ["0.1", None],
    "pair": [1.5, None],
    "told_apart": [1, None],
    "goal": [3, None],
}


@pytest.mark.parametrize(
    ("column", "value"), [(name, value) for name, found in _VALUES.items() for value in found]
)
def test_hostile_rows_are_one_line(column: str, value: object, run: Run, tmp_path: Path) -> None:
    path = write_audited(tmp_path / "audit") / "worst" / "pair-00003.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index(column)
    pq.write_table(table.set_column(place, column, pa.array([value] * len(table))), path)
    done = run("report audit")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert f"{path.relative_to(tmp_path)}: {column} is " in line


def test_a_column_that_is_missing_is_null(run: Run, tmp_path: Path) -> None:
    path = write_audited(tmp_path / "audit") / "worst" / "pair-00003.parquet"
    table = pq.read_table(path)
    pq.write_table(table.drop_columns("value"), path)
    assert run("report audit").code == 0
    pq.write_table(table.drop_columns("threat"), path)
    assert "pair-00003.parquet: threat is 'None', expected text" in run("report audit").err


def test_images_of_another_shape_are_one_line(run: Run, tmp_path: Path) -> None:
    path = write_audited(tmp_path / "audit") / "worst" / "pair-00008.safetensors"
    write_tensors(path, images_of(8, (3, 5, 4)))
    done = run("report audit")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "worst/pair-00008.safetensors: x has shape (3, 5, 4), expected finite" in line
    write_tensors(path, {"x": images_of(8, IMAGE)["x"]})
    assert "lacks target" in run("report audit").err
