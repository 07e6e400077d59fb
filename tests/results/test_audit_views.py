"""Audits in the results store: the views of a real audit, its declared columns, its exports."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from seatbelt_vae import audit
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.evaluation.audit_columns import AUDIT_FILES, AUDIT_VIEWS
from seatbelt_vae.evaluation.measures import RowTable
from seatbelt_vae.results import Store
from seatbelt_vae.results.columns import views
from seatbelt_vae.runs import read_rows
from seatbelt_vae.runs.audit_document import Audit, read_audit, write_audit
from tests.auditing.example import example
from tests.auditing.small_models import QUICK, Linear, images
from tests.auditing.stored_audit import write_audited
from tests.report.synthetic import write_demo

VIEWS = [table.view for table in (*AUDIT_VIEWS, *AUDIT_FILES.values())]
QUICKEST = replace(QUICK, losses=("latent-l2",), gradient_free=0)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Audit, Path]:
    """The audit of a map that keeps distances in a folder of results of its own."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    return audit(Linear(), images(), QUICKEST, out=folder), folder


@pytest.fixture(scope="module")
def stored(audited: tuple[Audit, Path]) -> Store:
    """Its store."""
    return Store.open([audited[1].parent])


@pytest.mark.parametrize(("name", "declared"), AUDIT_FILES.items(), ids=AUDIT_FILES)
def test_a_view_has_the_rows_of_its_files(
    name: str, declared: RowTable, audited: tuple[Audit, Path], stored: Store
) -> None:
    rows = stored.query(f"FROM {declared.view} ORDER BY ALL")
    assert rows.column_names == ["run", *(column.name for column in declared.columns)]
    files = sorted((audited[1] / "audit" / name).glob("*.parquet"))
    assert [pq.read_schema(path).names for path in files] == [rows.column_names[1:]] * len(files)
    expected = [{"run": "small"} | row for path in files for row in read_rows(path)]
    assert len(expected) == len(rows) > 0
    assert sorted(map(str, rows.to_pylist())) == sorted(map(str, expected))
    # a column that is null in every row would hide a wrong name
    empty = {n for n in rows.column_names if all(row[n] is None for row in expected)}
    assert (
        empty
        == {
            "rows": set(),
            "worst": {"code_shift", "tokens_changed", "undefended", "fresh", "certified"},
            "checks": {"gradient_free_fall", "path_difference", "transfer_fall"},
        }[name]
    )


def test_audits_have_verdict_and_main_metrics(audited: tuple[Audit, Path], stored: Store) -> None:
    found, _ = audited
    (row,) = stored.query("FROM audits").to_pylist()
    assert list(row) == ["run", *(column.name for column in AUDIT_VIEWS[0].columns)]
    assert (row["run"], row["name"], row["images"]) == ("small", "small", 24)
    assert (row["status"], row["finding"]) == (found.verdict.status, found.verdict.finding)
    assert row["believable"] == found.believable
    flags = [flag.id for flag in found.flags if flag.raised]
    assert row["raised"].split(", ") == [c.id for c in found.checks if c.raised] + flags
    for metric in ("gap@0.2", "code_gap@0.2", "damage@0.2", "gap@8/255"):
        result = found.result(metric)
        assert result is not None
        assert result.value is not None
        assert row[metric] == result.value
    assert row["pairs"] == 2
    assert row["digest"] == found.target.digest


def test_results_are_those_of_the_document(audited: tuple[Audit, Path], stored: Store) -> None:
    rows = stored.query("FROM audit_results").to_pylist()
    assert [row["metric"] for row in rows] == [result.metric for result in audited[0].results]
    for row, result in zip(rows, audited[0].results, strict=True):
        for name in ("goal", "threat", "epsilon", "value", "low", "high", "pairs", "better"):
            assert row[name] == getattr(result, name)
        for name in ("identity", "blend", "ppca"):
            assert row[name] == getattr(result.lines, name)


def test_the_mean_of_the_worst_cases_is_the_result(stored: Store) -> None:
    (row,) = stored.query("""
        SELECT max(abs(m - r.value)) AS far FROM audit_results r JOIN (
            SELECT run, goal, threat, epsilon, avg(value) AS m FROM audit_worst
            WHERE told_apart OR goal = 'damage' GROUP BY ALL
        ) USING (run, goal, threat, epsilon)
    """).to_pylist()
    assert row["far"] < 1e-9


def test_runs_without_an_audit_have_no_rows(tmp_path: Path) -> None:
    write_demo(tmp_path, 1, ["vae"])
    store = Store.open([tmp_path])
    for view in VIEWS:
        found = store.query(f"FROM {view}")
        assert len(found) == 0
        assert set(found.column_names) == set(views()[view])


def test_an_export_answers_like_the_runs(stored: Store, tmp_path: Path) -> None:
    stored.export(tmp_path / "study")
    again = Store.open([tmp_path / "study"])
    for view in VIEWS:
        query = f"FROM {view} ORDER BY ALL"
        assert again.query(query).to_pylist() == stored.query(query).to_pylist()


def test_the_document_without_rows_is_enough(tmp_path: Path) -> None:
    write_demo(tmp_path, 1, ["vae"])
    write_audited(tmp_path / "vae" / "audit")
    store = Store.open([tmp_path])
    (row,) = store.query("SELECT sentence, raised FROM audits").to_pylist()
    assert row["sentence"] == example().verdict.sentence
    assert len(store.query("FROM audit_worst")) == 9 * 9 * 3


@pytest.mark.parametrize("content", ["[]", "{", '{"schema_version": 2}', '{"schema_version": 1}'])
def test_a_damaged_document_is_named_in_one_line(content: str, tmp_path: Path) -> None:
    write_demo(tmp_path, 1, ["vae"])
    path = tmp_path / "vae" / "audit" / "audit.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(ArtifactError) as caught:
        Store.open([tmp_path]).query("FROM audits")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", ["1e999", "NaN", "1" + "0" * 400, '"0.3"', "true"])
def test_a_value_that_is_no_finite_number_is_refused(number: str, tmp_path: Path) -> None:
    path = write_audited(tmp_path) / "audit.json"
    write_audit(path, replace(read_audit(path), duration_s=0.0625))
    path.write_text(path.read_text().replace('"duration_s": 0.0625', f'"duration_s": {number}'))
    with pytest.raises(ArtifactError, match="is damaged"):
        read_audit(path)
