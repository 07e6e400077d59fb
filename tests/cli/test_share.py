"""``share``: what it prints, what it leaves, and a push that fails is one line."""

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, constants

from seatbelt_vae import HierarchicalVAE
from seatbelt_vae.runs import RunFolder
from tests.attacks.suite_runs import make_run

from .conftest import Run


@pytest.fixture
def trained(tmp_path: Path) -> RunFolder:
    """A run in the folder the commands run in."""
    return make_run(tmp_path / "belt")


@pytest.mark.usefixtures("trained")
def test_it_says_where_the_folder_is(run: Run) -> None:
    shared = run("share belt out --license mit")
    assert (shared.code, shared.out, shared.err) == (0, "shared: out\n", "")
    assert HierarchicalVAE.from_pretrained("out").trained_as is not None
    assert ModelCard.load(Path("out/README.md")).data.license == "mit"
    again = run("share belt out --json")
    assert json.loads(again.out) == {"shared": "out", "address": None}
    assert again.err == ""
    Path("out/README.md").write_text("mine")
    kept = run("share belt out --license apache-2.0")
    assert (kept.code, kept.out) == (0, "shared: out\n")
    assert kept.err == ("card kept: out/README.md was edited; delete it to write a new card\n")


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("private", [True, False])
def test_it_pushes_when_asked(private: bool, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def send(folder: Path, repository: str, *, private: bool | None) -> str:
        told.append((str(folder), repository, private))
        return f"https://hub/{repository}"

    monkeypatch.setattr("seatbelt_vae.sharing.folder.send", send)
    flag = " --private" if private else ""
    pushed = run(f"share belt out --push ada/belt{flag} --json")
    assert json.loads(pushed.out) == {"shared": "out", "address": "https://hub/ada/belt"}
    assert told == [("out", "ada/belt", True if private else None)]
    assert 'from_pretrained("ada/belt")' in Path("out/README.md").read_text()
    assert run("share belt out --push ada/belt").out == "shared: out, https://hub/ada/belt\n"


@pytest.mark.usefixtures("trained")
def test_a_push_without_network_is_one_line_and_leaves_the_folder(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    refused = run("share belt out --push ada/belt")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("seatbelt-vae: error: ada/belt is out of reach (")
    assert refused.err.count("\n") == 1
    assert HierarchicalVAE.from_pretrained("out").trained_as is not None


def test_a_run_that_is_not_trained_is_not_shared(trained: RunFolder, run: Run) -> None:
    (trained.path / "model.safetensors").unlink()
    refused = run("share belt out")
    assert refused.code == 2
    assert "belt has no finished model: train it to the end" in refused.err
    assert not Path("out").exists()
