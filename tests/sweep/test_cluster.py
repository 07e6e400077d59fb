"""The same sweep on a Ray cluster of two nodes, one of which is killed, and on this machine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray

from seatbelt_vae.errors import ConfigError, SeatbeltError
from seatbelt_vae.sweep import LocalEngine, RayEngine, cluster, run_sweep
from seatbelt_vae.workflow import folder_name
from tests.sweep import small
from tests.sweep.two_nodes import INTERRUPTED, JOBS


def test_killing_a_node_changes_no_result(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.sweep.two_nodes", str(tmp_path)]
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])  # Ray prints to stdout before
    local = run_sweep(tmp_path / "local", JOBS, engine=LocalEngine())

    assert list(local.runs) == ["one", "two", "three"]
    assert result["failures"] == local.failures
    assert len(result["killed"]) == 1
    for label, run in local.runs.items():
        folder = tmp_path / "killed" / folder_name(label, JOBS[label])
        assert small.made(folder) == small.made(run.path)
        assert small.ends(folder) == ([None, "done"] if label in result["killed"] else ["done"])
        assert small.ends(run.path) == ["done"]
    folders = {path.name for path in (tmp_path / "killed").iterdir()} - {".lock"}
    assert folders == {run.path.name for run in local.runs.values()}

    assert result["stopped"]
    job = {"one": INTERRUPTED}
    interrupted = tmp_path / "interrupted" / folder_name("one", INTERRUPTED)
    assert small.ends(interrupted) == ["interrupted"]
    assert not (interrupted / "model.safetensors").exists()
    # one engine resumes the run of another
    (resumed,) = run_sweep(tmp_path / "interrupted", job).runs.values()
    (uninterrupted,) = run_sweep(tmp_path / "uninterrupted", job).runs.values()
    assert small.made(resumed.path) == small.made(uninterrupted.path)


def test_an_address_without_a_cluster_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run_sweep(tmp_path, {"three": JOBS["three"]}, engine=RayEngine("127.0.0.1:1"))
    assert str(caught.value) == (
        "cannot connect to a Ray cluster at 127.0.0.1:1 ([Errno 111] Connection refused): start "
        "one with `ray start --head` and give its host:port, or use engine 'local'"
    )


class LostCluster:
    """A stub of Ray with a cluster that no longer responds."""

    exceptions = ray.exceptions

    def nodes(self) -> list[object]:
        return [{"Alive": True, "Resources": {"CPU": 8}}]

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 8}

    def remote(self, **_: object) -> Callable[[object], object]:
        return lambda _: SimpleNamespace(remote=lambda *_: object())

    def wait(self, *_: object, **__: object) -> tuple[list[object], list[object]]:
        return [], []

    def cancel(self, _: object) -> None:
        pass

    def get(self, _: object) -> None:
        raise ray.exceptions.ActorDiedError


def test_losing_the_cluster_is_a_one_line_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = SimpleNamespace(remote=object)
    board = SimpleNamespace(take=method, stop=method)
    monkeypatch.setattr(cluster, "_connected", lambda _: nullcontext(LostCluster()))
    monkeypatch.setattr(cluster, "_board_on_driver", lambda _: board)
    with pytest.raises(SeatbeltError) as caught:
        run_sweep(tmp_path, {"three": JOBS["three"]}, engine=RayEngine())
    assert str(caught.value) == (
        "the Ray cluster was lost (ActorDiedError): restart it if it is down, and run the same "
        "command again to resume"
    )


def test_missing_ray_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError) as caught:
        run_sweep(tmp_path, {"three": JOBS["three"]}, engine=RayEngine())
    assert str(caught.value) == (
        "engine 'ray' needs Ray, which is missing: `pip install 'seatbelt-vae[cluster]'`"
    )


@pytest.mark.parametrize("engine", [LocalEngine, RayEngine])
def test_zero_jobs_at_a_time_are_refused(engine: type) -> None:
    with pytest.raises(ConfigError, match="jobs is 0, expected a finite number above 0"):
        engine(jobs=0)
