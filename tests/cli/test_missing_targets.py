"""A target that does not exist is one line with the most similar path, in every command."""

from pathlib import Path

import pytest

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.subjects import open_subject
from tests.cli.conftest import Run

_TARGETS = {
    "run": "runs/smal",
    "parent": "run/small",
    "weights": "weight.safetensors",
    "program": "program.pt2",
}
_NEAREST = {
    "runs/smal": "perhaps you meant runs/small",
    "run/small": "perhaps you meant runs/small",
    "weight.safetensors": "perhaps you meant weights.safetensors",
}
_MEASURE = "{} --data swiss-roll"
_COMMANDS = {
    "attack": "attack {}",
    "attack with data": f"attack {_MEASURE}",
    "attack of a kind": f"attack {_MEASURE} --kind diffusers",
    "attack behind a defence": f"attack {_MEASURE} --with averaging:4",
    "evaluate": "evaluate {}",
    "evaluate with data": f"evaluate {_MEASURE}",
    "audit": f"audit {_MEASURE}",
    "audit of a kind": f"audit {_MEASURE} --kind pythae",
    "defend": f"defend {_MEASURE} --out hardened",
    "report": "report {}",
    "report of two": "report runs/small {}",
    "compare": "compare {}",
    "share": "share {} shared",
    "results": "results --runs {}",
    "results of a folder": "results {}",
    "query": "results FROM/**/runs --runs {}",
    "claims": "claims {}",
    "resume": "train {} --resume",
}


@pytest.mark.parametrize("target", _TARGETS.values(), ids=_TARGETS)
@pytest.mark.parametrize("command", _COMMANDS.values(), ids=_COMMANDS)
def test_a_missing_target_is_named(command: str, target: str, run: Run, tmp_path: Path) -> None:
    RunFolder(tmp_path / "runs" / "small").write_json("run.json", {"format": 1, "kind": "run"})
    (tmp_path / "runs" / "small" / "evaluation").mkdir()
    (tmp_path / "weights.safetensors").touch()
    done = run(command.format(target))
    assert done.code == 2
    (line,) = done.err.splitlines()
    advice = _NEAREST.get(target, "check the path")
    assert line == f"seatbelt-vae: error: no such file or folder: {target}; {advice}"
    assert not (tmp_path / "shared").exists()
    assert not (tmp_path / "hardened").exists()


@pytest.mark.parametrize("target", _TARGETS.values(), ids=_TARGETS)
def test_a_missing_target_is_named_in_python(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match=f"^no such file or folder: {target}; check the path$"):
        open_subject(target)


@pytest.mark.parametrize("command", ["attack", "evaluate", "audit"])
@pytest.mark.parametrize("target", ["runs/small", "runs/own"])
def test_another_folder_for_results_that_have_one(
    command: str, target: str, run: Run, tmp_path: Path
) -> None:
    RunFolder(tmp_path / "runs" / "small").write_json("run.json", {"format": 1, "kind": "run"})
    RunFolder(tmp_path / "runs" / "own").write_json("subject.json", {})
    assert (
        f"--out elsewhere for {target}, which holds its own results: leave --out out"
        in run(f"{command} {target} --out elsewhere").err
    )
    assert not (tmp_path / "elsewhere").exists()


def test_a_run_may_be_hardened_into_another_folder(run: Run, tmp_path: Path) -> None:
    RunFolder(tmp_path / "runs" / "small").write_json("run.json", {"format": 1, "kind": "run"})
    told = run("defend runs/small --out elsewhere").err
    assert "leave --out out" not in told
    assert "runs/small" in told  # it is not trained


def test_a_folder_in_place_of_the_select(run: Run) -> None:
    assert "no such file or folder: runs/small; " in run("results runs/small").err
