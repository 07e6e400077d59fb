"""Damaged files of a run folder, and queries."""

import shutil
from contextlib import suppress
from pathlib import Path

from hypothesis import strategies as st

from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.results import Store
from seatbelt_vae.results.columns import views
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.runs.contents import Run
from tests.report.synthetic import KINDS, write_demo

from .conftest import EDITS, Edit, edited, fuzz

WORDS = """
SELECT FROM WHERE GROUP BY ALL ORDER LIMIT WITH AS ( ) , * . ; ' " run suite level gap 1 -1 1e999
NULL 'x' count(*) JOIN USING LEFT ON UNION [ ] { } : :: INT VARCHAR COPY TO DELETE PIVOT UNPIVOT
DESCRIBE SUMMARIZE EXPLAIN range(9) unnest( list( -- /* */ = < > || CASE WHEN THEN END EXISTS IN
VALUES $1 ? OVER RECURSIVE t x ATTACH SET PRAGMA query( read_text('/etc/passwd') '/etc/passwd'
"""


def test_files_of_a_run(tmp_path: Path) -> None:
    write_demo(tmp_path / "whole", 2, ["vae"])
    files = sorted(path for path in (tmp_path / "whole").rglob("*") if path.is_file())

    def read(drawn: tuple[Path, list[Edit]]) -> None:
        file, edits = drawn
        shutil.rmtree(tmp_path / "runs", ignore_errors=True)
        shutil.copytree(tmp_path / "whole", tmp_path / "runs")
        damaged = tmp_path / "runs" / file.relative_to(tmp_path / "whole")
        damaged.write_bytes(edited(file.read_bytes(), edits))
        with suppress(SeatbeltError):
            read_contents(tmp_path / "runs")
        read_views(tmp_path / "runs")

    fuzz(read, st.tuples(st.sampled_from(files), EDITS))


def read_views(runs: Path) -> None:
    store = Store.open([runs])
    for view in views():
        with suppress(SeatbeltError):
            store.query(f"FROM {view}", timeout=10)


def read_contents(runs: Path) -> None:
    run = Run("vae", runs / "vae")
    _ = run.config, run.architecture, run.weights, run.preset, run.data, run.metrics
    if run.evaluation:
        _ = run.evaluation.measures, run.evaluation.sigma, run.evaluation.pictures
    for suite in run.suites.values():
        _ = suite.config, suite.about, suite.measured, suite.flags
    RunFolder.open(runs / "vae")


def test_queries(tmp_path: Path) -> None:
    write_demo(tmp_path / "runs", 1, list(KINDS)[:1])
    store = Store.open([tmp_path / "runs"])
    text = st.lists(st.sampled_from([*WORDS.split(), *views()]) | st.text(max_size=4), max_size=14)

    def ask(words: list[str]) -> None:
        store.query(" ".join(words), timeout=3)

    fuzz(
        ask,
        text
        | text.map(lambda words: ["SELECT", *words])
        | text.map(lambda words: ["FROM runs", *words]),
    )
