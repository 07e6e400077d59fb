"""Damaged files of an audit: its document, its rows and its images."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from seatbelt_vae.auditing.page import write_audit_report
from seatbelt_vae.auditing.screen import screen_text
from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.evaluation.audit_columns import AUDIT_FILES, AUDIT_VIEWS
from seatbelt_vae.results import Store
from seatbelt_vae.runs.audit_document import read_audit
from seatbelt_vae.sharing.model_index import evaluations_of
from tests.auditing.stored_audit import write_audited
from tests.report.synthetic import write_demo

from .conftest import EDITS, edited, fuzz
from .test_stored_values import ABSENT, DAMAGED_COLUMNS, STEPS, VALUES, damage_column, replaced

VIEWS = [table.view for table in (*AUDIT_VIEWS, *AUDIT_FILES.values())]


def each(tmp_path: Path, suffixes: set[str], damage: Callable[[Path, Any], None]) -> Any:
    """A check that damages one file of an audit and reads the audit in every way."""
    write_demo(tmp_path / "whole", 1, ["vae"])
    whole = write_audited(tmp_path / "whole" / "vae" / "audit")
    write_audit_report(whole)
    files = sorted(p for p in whole.rglob("*") if p.suffix in suffixes)

    def check(drawn: tuple[int, Any]) -> None:
        number, how = drawn
        shutil.rmtree(tmp_path / "runs", ignore_errors=True)
        shutil.copytree(tmp_path / "whole", tmp_path / "runs")
        folder = tmp_path / "runs" / "vae" / "audit"
        damage(folder / files[number % len(files)].relative_to(whole), how)
        with suppress(SeatbeltError):
            write_audit_report(folder)
        with suppress(SeatbeltError):
            found = read_audit(folder / "audit.json")
            screen_text(found)
            evaluations_of(found)
        store = Store.open([tmp_path / "runs"])
        for view in VIEWS:
            with suppress(SeatbeltError):
                store.query(f"FROM {view}", timeout=10)

    return check


def test_bytes(tmp_path: Path) -> None:
    def damage(file: Path, edits: Any) -> None:
        file.write_bytes(edited(file.read_bytes(), edits))

    suffixes = {".json", ".parquet", ".safetensors"}
    fuzz(each(tmp_path, suffixes, damage), st.tuples(st.integers(0, 99), EDITS))


def test_documents(tmp_path: Path) -> None:
    def damage(file: Path, how: tuple[list[int], Any]) -> None:
        file.write_text(json.dumps(replaced(json.loads(file.read_text()), *how)))

    how = st.tuples(STEPS, VALUES | st.just(ABSENT))
    fuzz(each(tmp_path, {".json"}, damage), st.tuples(st.just(0), how))


def test_rows(tmp_path: Path) -> None:
    check = each(tmp_path, {".parquet"}, damage_column)
    fuzz(check, st.tuples(st.integers(0, 99), DAMAGED_COLUMNS))
