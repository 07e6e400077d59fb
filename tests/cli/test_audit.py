"""``audit`` from the command line: its output, its files and each of its exit codes."""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from seatbelt_vae import Subject
from seatbelt_vae.cli import main
from seatbelt_vae.subjects.reading_checks import check_reading
from seatbelt_vae.testing.plausibility import Finding

_MODELS = '''
import torch
from torch import nn

class Kept(nn.Module):
    """A map that keeps every distance: as robust as a copy of the input."""
    def encode(self, x):
        return x.flatten(1).flip(1)
    def decode(self, z):
        return z.flip(1).view(-1, 1, 8, 8)

class Inverted(Kept):
    def decode(self, z):
        return 1 - super().decode(z)

class Symmetric(Kept):
    """Takes and returns images in [-1, 1], with half the contrast."""
    def encode(self, x):
        return super().encode(x.clamp(-1, 1))
    def decode(self, z):
        return super().decode(z) / 2

class Broken(Kept):
    def encode(self, x):
        raise RuntimeError("no weights")

class Crashing(Kept):
    """Crashes in the attack, after the checks of the model."""
    def decode(self, z):
        if z.requires_grad:
            raise MemoryError("out of memory")
        return super().decode(z)

def images():
    coarse = torch.rand(24, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(coarse, size=(8, 8), mode="bilinear")

def many():
    return images().repeat(4, 1, 1, 1) + 1e-3 * torch.arange(96.0).view(-1, 1, 1, 1) / 96

def few():
    return images()[:3]
'''
_QUICK = ("--pairs", "2", "--budgets", "0.2", "--linf-budgets", "8", "--gradient-free", "0")

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``audit`` of a model of the file above in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(_MODELS)

    def audit(model: str, *flags: str) -> int:
        data = () if "--data" in flags else ("--data", "own.py:images")
        processes = () if "--processes" in flags else ("--processes", "1")
        quick = _QUICK[2:] if "--pairs" in flags else _QUICK
        return main(["audit", f"own.py:{model}", *data, *quick, *processes, *flags])

    return audit


def test_a_pass(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("Kept", "--fail-if", "gap@0.2 < 0.5", "--junit", "rules.xml") == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Pass: the rule gap@0.2 < 0.5 (0.8) is false. ")
    assert "own-Kept (reference): input: in [0, 1]; code: deterministic, 64" in shown.err
    assert "attacking 0/2" in shown.err
    assert "attacking 2/2" in shown.err
    content = json.loads((tmp_path / "runs/own-Kept/audit/audit.json").read_text())
    assert content["command"].startswith("seatbelt-vae audit own.py:Kept ")
    (case,) = ElementTree.parse("rules.xml").getroot().iter("testcase")
    assert len(case) == 0


def test_a_true_rule(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("Kept", "--fail-if", "gap@0.2<0.9", "--fail-if", "damage@0.2 > 5") == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 of 2 rules is true, gap@0.2 < 0.9 (0.8)." in shown


def test_a_misread_model_is_inconclusive(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("Inverted") == 2
    shown = " ".join(capsys.readouterr().out.split())
    assert "the model reconstructs worse than the mean image" in shown


def test_a_crash_is_no_verdict(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("Crashing") == 2
    assert "MemoryError: out of memory" in capsys.readouterr().err


def test_a_model_that_is_not_supported(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("Broken") == 3
    assert "no weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--fail-if", "gap@0.25 < 0.5"), "unknown metric 'gap@0.25'"),
        (("--effort", "0"), "effort is 0"),
        (("--nonsense",), "unknown option --nonsense"),
        (("--score", "own.py:images"), "score and threshold belong together"),
    ],
)
def test_wrong_usage(
    run: Run, flags: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("Kept", *flags) == 4
    assert text in capsys.readouterr().err


def test_a_file_without_a_function_and_a_folder_without_its_kind(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    assert run("Kept", "--processes", "1", "--data", "photos") != 0
    assert "give folder:photos" in capsys.readouterr().err
    assert run("Kept", "--processes", "1", "--data", "./photos") != 0
    assert "photos holds no picture" in capsys.readouterr().err
    assert main(["audit", "own.py", "--data", "own.py:images"]) == 4
    assert "as own.py:load" in capsys.readouterr().err


def test_only_the_checks(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("Kept", "--check-only") == 0
    assert "deterministic, 64" in capsys.readouterr().out
    assert run("Inverted", "--check-only", "--json") == 2
    found = json.loads(capsys.readouterr().out)
    assert [check["id"] for check in found["checks"] if check["raised"]] == ["unexplained"]
    assert not (tmp_path / "runs/own-Kept/audit").exists()


@pytest.mark.parametrize(
    ("flags", "threads"),
    [(("--processes", "2"), 1), (("--processes", "1"), None), (("--threads", "3"), 3)],
)
def test_processes_share_the_cores(
    run: Run, flags: tuple[str, ...], threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int | None] = []
    monkeypatch.setattr("seatbelt_vae.cli.audit.tune_process", told.append)
    assert run("Kept", "--check-only", *flags) == 0
    assert told == [threads]


def test_a_remedy_is_pasted_behind_the_same_command(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("Symmetric") == 2
    assert "give --bounds -1,1." in " ".join(capsys.readouterr().out.split())
    assert run("Symmetric", "--bounds", "-1,1") == 0
    assert run("Symmetric") == 2  # a folder with results keeps how its model was read
    assert "other bounds (-1,1)" in capsys.readouterr().err


def test_checks_that_too_few_images_skip(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("Kept", "--check-only", "--data", "own.py:few", "--pairs", "1") == 0
    assert "give at least 8 images" in " ".join(capsys.readouterr().out.split())


def test_two_processes_find_the_same(run: Run, tmp_path: Path) -> None:
    many = ("--pairs", "6", "--losses", "latent-l2")
    assert run("Kept", *many, "--out", "one") == 0
    assert run("Kept", *many, "--out", "two", "--processes", "2") == 0
    for part in sorted((tmp_path / "one/audit/rows").iterdir()):
        assert (tmp_path / "two/audit/rows" / part.name).read_bytes() == part.read_bytes()


def test_minutes_are_fitted_once_for_all_processes(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = ("--pairs", "6", "--losses", "latent-l2")
    assert run("Kept", *many, "--minutes", "0.0001", "--out", "two", "--processes", "2") == 0
    assert "no smaller audit is allowed" in " ".join(capsys.readouterr().err.split())
    assert run("Kept", *many, "--effort", "0.03", "--out", "one") == 0
    assert "6 pairs at effort 0.03: about " in " ".join(capsys.readouterr().err.split())
    for part in sorted((tmp_path / "one/audit/rows").iterdir()):
        assert (tmp_path / "two/audit/rows" / part.name).read_bytes() == part.read_bytes()


def test_a_reading_is_checked_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []

    def counted(subject: Subject, images: Tensor) -> tuple[Finding, ...]:
        checked.append(len(images))
        return check_reading(subject, images)

    for module in ("subjects.foreign_subject", "auditing.adapter_checks"):
        monkeypatch.setattr(f"seatbelt_vae.{module}.check_reading", counted)
    assert run("Kept", "--check-only", "--data", "own.py:many") == 0
    assert checked == [64]


def test_json_on_stdout(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("Kept", "--json", "--quiet") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["verdict"]["status"] == "pass"
    assert shown.err == ""
