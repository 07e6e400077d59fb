"""A shared folder is whole or absent, keeps an edited card, and is what is pushed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub import ModelCard, RepoUrl

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.models import HierarchicalVAE, load_model
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.sharing import is_edited, push, share
from tests.attacks.suite_runs import make_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that was neither attacked nor evaluated."""
    return make_run(tmp_path / "run")


@pytest.fixture
def out(run: RunFolder) -> Path:
    """Where it is shared."""
    return run.path.parent / "shared"


def test_a_runs_model_is_shared_bit_for_bit(run: RunFolder, out: Path) -> None:
    assert share(run, out, licence="mit", where="ada/belt") == out
    shared, own = HierarchicalVAE.from_pretrained(out), load_model(run)
    assert shared.trained_as == own.trained_as == run.config
    for name, tensor in own.state_dict().items():
        assert torch.equal(shared.state_dict()[name], tensor)
    card = ModelCard.load(out / "README.md")
    assert card.data.license == "mit"
    assert 'from_pretrained("ada/belt")' in card.text
    assert "unknown: not attacked yet." in card.text


def test_an_edited_card_is_kept_and_a_missing_one_written(run: RunFolder, out: Path) -> None:
    share(run, out)
    written = (out / "README.md").read_text()
    (out / "README.md").write_text("mine")
    share(run, out, licence="mit")
    assert (out / "README.md").read_text() == "mine"
    (out / "README.md").unlink()
    share(run, out)
    assert (out / "README.md").read_text() == written


def test_a_card_that_nobody_edited_is_renewed(
    run: RunFolder, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share(run, out, licence="mit")
    assert "unknown: not attacked yet." in (out / "README.md").read_text()
    # what was found since
    monkeypatch.setattr(
        "seatbelt_vae.sharing.folder.findings", lambda *_: {"findings": ["Hard to fool."]}
    )
    for _ in range(2):
        share(run, out, where="ada/belt")
        card = ModelCard.load(out / "README.md")
        assert "**Hard to fool.**" in card.text
        assert 'from_pretrained("ada/belt")' in card.text
        assert card.data.license == "mit"
        assert not is_edited(out)


@pytest.mark.parametrize(
    "edit",
    [
        lambda card: card.replace("unknown", "known"),
        lambda card: card + "It bites.\n",
        lambda card: card.rpartition("<!--")[0],
        lambda card: card.replace("\n", "\r\n"),
        lambda card: card.replace('{"digest"', '["digest"'),
        lambda _: "",
    ],
)
def test_any_edit_of_a_card_is_kept(run: RunFolder, out: Path, edit: Callable[[str], str]) -> None:
    share(run, out)
    assert not is_edited(out)
    mine = edit((out / "README.md").read_bytes().decode()).encode()
    (out / "README.md").write_bytes(mine)
    share(run, out, licence="mit", where="ada/belt")
    assert (out / "README.md").read_bytes() == mine
    assert is_edited(out)


def test_what_a_card_was_told_does_not_end_its_comment(run: RunFolder, out: Path) -> None:
    share(run, out, where="<!-- written by seatbelt-vae share: --> é")
    assert not is_edited(out)
    last = (out / "README.md").read_text().splitlines()[-1]
    assert last.count("-->") == 1
    share(run, out)
    assert "é" in ModelCard.load(out / "README.md").text


def test_a_folder_that_holds_something_else_is_not_touched(run: RunFolder, out: Path) -> None:
    other = make_run(run.path.parent / "other", seed=1)
    share(other, out)
    thesis = run.path.parent / "thesis"
    thesis.mkdir()
    (thesis / "thesis.tex").write_text("mine")
    for taken in (out, thesis, thesis / "thesis.tex", run.path):
        before = {path: path.read_bytes() for path in taken.rglob("*") if path.is_file()}
        with pytest.raises(ArtifactError) as caught:
            share(run, taken)
        assert str(caught.value) == (
            f"{taken} exists and does not hold the model of {run.path}: give another folder"
        )
        assert {path: path.read_bytes() for path in taken.rglob("*") if path.is_file()} == before


def test_an_interrupted_share_leaves_nothing(
    run: RunFolder, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> ModelCard:
        raise KeyboardInterrupt

    monkeypatch.setattr(HierarchicalVAE, "generate_model_card", stop)
    with pytest.raises(KeyboardInterrupt):
        share(run, out)
    assert [path.name for path in out.parent.iterdir()] == ["run"]


class Hub:
    """Stands in for ``HfApi`` and keeps what it was told."""

    def __init__(self, **_: object) -> None:
        self.told = TOLD

    def create_repo(self, repo_id: str, **options: Any) -> RepoUrl:
        self.told.append(("made", repo_id, options))
        return RepoUrl(f"https://huggingface.co/{repo_id}")

    def upload_folder(self, folder_path: str | Path, **options: Any) -> str:
        files = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}
        self.told.append(("sent", options["repo_id"], files))
        return "https://huggingface.co/commit"


TOLD: list[tuple[str, str, dict[str, Any]]] = []


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, Any]]]:
    """What the stand-in for the Hub was told."""
    TOLD.clear()
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Hub)
    return TOLD


@pytest.mark.parametrize("private", [True, None])
def test_the_folder_is_pushed_as_it_is(
    private: bool | None, run: RunFolder, out: Path, told: list[Any]
) -> None:
    share(run, out)
    (out / "README.md").write_text("mine")
    assert push(out, "ada/belt", private=private) == "https://huggingface.co/ada/belt"
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    assert told == [
        ("made", "ada/belt", {"private": private, "exist_ok": True}),
        ("sent", "ada/belt", files),
    ]


def test_a_model_pushes_itself_with_a_card_that_names_the_repository(
    run: RunFolder, told: list[Any]
) -> None:
    load_model(run).push_to_hub("ada/belt", model_card_kwargs={"licence": "mit"})
    assert [what for what, *_ in told] == ["made", "sent"]
    sent = told[1][2]
    assert sorted(sent) == ["README.md", "config.json", "model.safetensors"]
    card = ModelCard(sent["README.md"].decode())
    assert card.data.license == "mit"
    assert 'from_pretrained("ada/belt")' in card.text


def test_what_is_no_shared_model_is_not_pushed(run: RunFolder, told: list[Any]) -> None:
    with pytest.raises(ArtifactError, match="is a run folder, not a shared model"):
        push(run.path, "ada/belt")
    assert told == []
