"""Ctrl-C, SIGTERM and a time limit stop a query, even one that DuckDB cannot interrupt."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from seatbelt_vae.errors import QueryError, QueryTimeoutError
from seatbelt_vae.results import Store, session
from seatbelt_vae.results.interruption import interruptible
from tests.report.synthetic import KINDS, write_trained

ENDLESS = "SELECT count(*) FROM range(100000000000) a, range(1000) b"
DEAF = "SELECT levenshtein(repeat('a', 60000), repeat('b', 60000))"
"""One call of a scalar function, during which DuckDB does not look for an interruption."""

COMMAND = """
import sys
from seatbelt_vae.cli import main
print("started", flush=True)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    write_trained(tmp_path / "run", KINDS["vae"])
    return Store.open([tmp_path])


@pytest.mark.parametrize("sql", [ENDLESS, DEAF, f"{ENDLESS} ORDER BY 1"])
def test_a_time_limit_ends_the_query_and_leaves_the_store_usable(sql: str, store: Store) -> None:
    with pytest.raises(QueryTimeoutError, match=r"the query exceeded its time limit of 0\.1 s"):
        store.query(sql, timeout=0.1)
    assert store.query("SELECT run FROM runs", timeout=60).to_pylist() == [{"run": "run"}]


def test_ctrl_c_ends_the_query_and_leaves_the_store_usable(store: Store) -> None:
    ctrl_c = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    ctrl_c.start()
    with pytest.raises(KeyboardInterrupt):
        store.query(ENDLESS)
    assert store.query("SELECT run FROM runs").to_pylist() == [{"run": "run"}]


def test_a_call_that_does_not_stop_is_abandoned() -> None:
    stopped, over, abandoned = threading.Event(), threading.Event(), threading.Event()
    with pytest.raises(QueryTimeoutError):
        interruptible(over.wait, stopped.set, abandoned.set, timeout=0.01)
    assert stopped.is_set()
    assert abandoned.is_set()
    over.set()


def test_a_result_must_fit_into_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "memory_limit", lambda _connection: 2**20)
    with pytest.raises(QueryError, match="the result is larger than"):
        store.query("SELECT * FROM range(10000000000)")
    assert store.query("SELECT * FROM range(100000)").num_rows == 100_000


@pytest.mark.parametrize("sql", [ENDLESS, DEAF])
@pytest.mark.parametrize(
    ("number", "limit", "code", "line"),
    [
        (signal.SIGINT, (), 130, "seatbelt-vae: interrupted; run the same command again"),
        (signal.SIGTERM, (), 143, "seatbelt-vae: interrupted; run the same command again"),
        (
            None,
            ("--timeout", "0.1"),
            124,
            "seatbelt-vae: error: the query exceeded its time limit of 0.1 s",
        ),
    ],
)
def test_a_command_ends_in_one_line(
    sql: str,
    number: signal.Signals | None,
    limit: tuple[str, ...],
    code: int,
    line: str,
    tmp_path: Path,
) -> None:
    write_trained(tmp_path / "runs" / "run", KINDS["vae"])
    (tmp_path / "tmp").mkdir()
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "results", sql, "--runs", str(tmp_path / "runs"), *limit],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
    )
    if number is not None:
        while not any((tmp_path / "tmp").iterdir()):  # made just before the query begins
            time.sleep(0.01)
        time.sleep(0.5)
        command.send_signal(number)
    _, error = command.communicate()
    assert (command.returncode, error) == (code, f"{line}\n")
    assert list((tmp_path / "tmp").iterdir()) == []
