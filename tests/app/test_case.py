"""A download holds what it says, and its command repeats the attack, bit by bit."""

import io
import json
import shlex
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from seatbelt_vae import subject_of_model
from seatbelt_vae.app.app_subject import app_subject
from seatbelt_vae.app.case_file import CASE, TENSORS
from seatbelt_vae.app.events import Live
from seatbelt_vae.app.limits import LIMITS
from seatbelt_vae.app.opening import opened_targets
from seatbelt_vae.app.repeat_case import repeat_case
from seatbelt_vae.attacks.attack_rows import COLUMNS
from seatbelt_vae.cli import main
from seatbelt_vae.cli.app import _opened
from seatbelt_vae.cli.options import App
from seatbelt_vae.cli.parsing import parse
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.subjects import open_subject

from .small_page import SETTINGS, live, model
from .test_events import views

Parts = dict[str, bytes]


@pytest.fixture(scope="module")
def downloaded() -> tuple[bytes, str]:
    """The download of an attack on two subjects, and its command."""
    page = live()
    *_, last = views(page, names=["first", "second"])
    assert last.case is not None
    return page.cases[last.case], last.command


def unpacked(content: bytes) -> Parts:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: Parts, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return path


def test_a_case_holds_images_rows_settings_and_its_command(downloaded: tuple[bytes, str]) -> None:
    content, command = downloaded
    parts = unpacked(content)
    files = [CASE, TENSORS, "panel.svg"]
    assert list(parts) == ["README.txt", *(f"{k}/{name}" for k in (1, 2) for name in files)]
    assert command in parts["README.txt"].decode()
    about, images = json.loads(parts[f"1/{CASE}"]), load(parts[f"1/{TENSORS}"])
    assert about["subject"] == "first"
    assert about["command"] == command
    config = from_dict(AttackConfig, about["config"])
    assert (config.loss, config.epsilons) == (SETTINGS["loss"], (0.1, 0.3))
    assert [row["level_relative"] for row in about["rows"]] == pytest.approx([0.1, 0.3])
    assert list(about["rows"][0]) == [column.name for column in COLUMNS]
    distances = (images["adversarial"] - images["x"]).flatten(1).norm(dim=1)
    assert [row["distance"] for row in about["rows"]] == pytest.approx(distances.tolist())
    assert images["reconstruction"].shape == images["adversarial"].shape


def test_a_case_names_no_folder(downloaded: tuple[bytes, str]) -> None:
    for part in unpacked(downloaded[0]).values():
        assert b"/home/ada" not in part


def test_equal_attacks_give_equal_files(downloaded: tuple[bytes, str]) -> None:
    page = live()
    *_, last = views(page, names=["first", "second"])
    assert page.cases[last.case or ""] == downloaded[0]


def test_the_command_repeats_the_attack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = "zoo:faces-denoising"
    subject = app_subject(target, open_subject(target), None)
    page = Live({subject.name: subject}, LIMITS, threads=1)
    pair = {"x": subject.examples[0], "target": subject.examples[1]}
    settings = SETTINGS | {"loss": "output-reconstruction", "budgets": [0.2]}
    *_, last = views(page, names=[subject.name], settings=settings, **pair)
    monkeypatch.chdir(tmp_path)
    Path("seatbelt-case.zip").write_bytes(page.cases[last.case or ""])
    program, *arguments = shlex.split(last.command)
    assert program == "seatbelt-vae"
    assert main([*arguments, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["subject"] == "faces-denoising"
    assert row["again"] == row["stored"]
    assert row["difference"] == 0


def test_the_command_names_the_data_that_a_model_is_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(Path(__file__).parent / "small_models.py", tmp_path)
    target, data = f"{tmp_path}/small_models.py:first", f"{tmp_path}/small_models.py:images"
    options = parse(["app", target, "--data", data])
    assert isinstance(options, App)
    subjects, _ = opened_targets([target], partial(_opened, options), print, options.opening)
    (subject,) = subjects.values()
    page = Live(subjects, LIMITS, threads=1)
    *_, last = views(page, names=[subject.name])
    assert str(tmp_path) not in last.command
    monkeypatch.chdir(tmp_path)
    Path("seatbelt-case.zip").write_bytes(page.cases[last.case or ""])
    assert main(shlex.split(last.command)[1:]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[-1] == "0"


def test_another_attack_is_told_apart(downloaded: tuple[bytes, str], tmp_path: Path) -> None:
    parts = unpacked(downloaded[0])
    images = load(parts[f"1/{TENSORS}"])
    images["adversarial"][1] += 0.25
    path = packed(parts | {f"1/{TENSORS}": save(images)}, tmp_path / "case.zip")
    subject = live().subjects["first"].subject
    rows = repeat_case(path, [subject])
    assert [row.difference for row in rows] == pytest.approx([0, 0.25])
    assert [row.again for row in rows] == [row.stored for row in rows]


DAMAGE: dict[str, tuple[Callable[[Parts], Parts], str]] = {
    "no attack": (lambda parts: {"README.txt": parts["README.txt"]}, "holds no attack"),
    "no images": (lambda parts: {f"1/{CASE}": parts[f"1/{CASE}"]}, "is no case of the page"),
    "damaged images": (lambda parts: parts | {f"1/{TENSORS}": b"x"}, "is no case of the page"),
    "damaged text": (lambda parts: parts | {f"1/{CASE}": b"{"}, "is no case of the page"),
    "another table": (lambda parts: parts | {f"1/{CASE}": b"[]"}, "lacks some of"),
    "another version": (
        lambda parts: parts | {f"1/{CASE}": parts[f"1/{CASE}"].replace(b'": 1,', b'": 9,', 1)},
        "has format 9, expected 1",
    ),
    "other tensors": (
        lambda parts: parts | {f"1/{TENSORS}": save({"x": torch.zeros(1)})},
        "lacks some of",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_case_is_an_error_of_one_line(
    name: str, downloaded: tuple[bytes, str], tmp_path: Path
) -> None:
    damage, reason = DAMAGE[name]
    path = packed(damage(unpacked(downloaded[0])), tmp_path / "case.zip")
    with pytest.raises(ArtifactError, match=reason):
        repeat_case(path, [live().subjects["first"].subject])


def test_a_case_of_another_model_is_refused(downloaded: tuple[bytes, str], tmp_path: Path) -> None:
    path = tmp_path / "case.zip"
    path.write_bytes(downloaded[0])
    changed = subject_of_model(model(7), "third")
    with pytest.raises(ArtifactError, match=r"is of first \(.+\), second \(.+\), not of third"):
        repeat_case(path, [changed])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text"])
def test_another_file_is_no_case(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "case.zip"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="is no case of the page"):
        repeat_case(path, [])
    with pytest.raises(ArtifactError, match="no such file"):
        repeat_case(tmp_path / "none.zip", [])
