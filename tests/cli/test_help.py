"""Help, errors and the version do not import torch."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import seatbelt_vae
from seatbelt_vae.cli import main
from seatbelt_vae.cli.options import DataCheck, DataList, DataPrepare
from seatbelt_vae.cli.parsing import VERBS
from seatbelt_vae.config import (
    AdapterConfig,
    AttackConfig,
    AuditConfig,
    DataConfig,
    EvaluationConfig,
    HardeningConfig,
    ModelConfig,
    ObjectiveConfig,
    TrainingConfig,
)

from .conftest import Run

SETTINGS = {
    "train": (ModelConfig, ObjectiveConfig, TrainingConfig),
    "attack": (AttackConfig, AdapterConfig),
    "evaluate": (EvaluationConfig, AdapterConfig),
}

LIGHT = """
import contextlib, io, sys
from seatbelt_vae.cli import main

for line in sys.stdin.read().splitlines():
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            code = main(line.split())
        except SystemExit as leaving:
            code = leaving.code
    heavy = {"torch", "huggingface_hub", "pyarrow", "matplotlib", "scipy", "duckdb"}
    heavy &= sys.modules.keys()
    print(line, "|", code, "|", *sorted(heavy))
"""


@pytest.fixture
def help_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The help text of a verb, in one column."""
    monkeypatch.setenv("COLUMNS", "100")

    def of(line: str) -> str:
        with pytest.raises(SystemExit) as leaving:
            main([*line.split(), "--help"])
        assert not leaving.value.code
        return capsys.readouterr().out

    return of


@pytest.mark.parametrize("verb", SETTINGS)
def test_every_setting_is_a_flag_with_a_default(verb: str, help_of: Run) -> None:
    shown = help_of(verb)
    for kind in SETTINGS[verb]:
        for setting in dataclasses.fields(kind):
            flag = f"--{setting.name.replace('_', '-')} "
            assert flag in shown, flag
            explained = shown.split(flag, 1)[1].split("--", 1)[0]
            assert "(default:" in explained, flag


EVERY = [*(verb for verb in VERBS if verb != "data"), "data list", "data prepare", "data check"]


@pytest.mark.parametrize("verb", EVERY)
def test_a_default_is_shown_once(verb: str, help_of: Run) -> None:
    """A default is shown by its description or its value, never as None."""
    shown = " ".join(help_of(verb).split())
    assert not re.search(r"\(default: (None|False)?\)", shown)
    for described in re.split(r" (?=--[a-z])", shown):
        assert described.count("(default:") <= 1, described
    if verb == "train":
        assert "(default: 1024)" in shown


@pytest.mark.parametrize("verb", EVERY)
def test_a_flag_has_the_name_of_its_setting(verb: str, help_of: Run) -> None:
    """The command line and Python use one name; only the data set's name is called --data."""
    shown = set(re.findall(r"(?m)^ *--([a-z][a-z-]+)", help_of(verb)))
    sections = {
        "train": (TrainingConfig, ModelConfig, ObjectiveConfig, DataConfig),
        "sweep": (TrainingConfig, ModelConfig, ObjectiveConfig, DataConfig),
        "audit": (AuditConfig, AdapterConfig),
        "defend": (HardeningConfig, AdapterConfig),
        "app": (AdapterConfig,),
    } | {verb: kinds for verb, kinds in SETTINGS.items() if verb != "train"}
    settings = {f.name for kind in sections.get(verb, ()) for f in dataclasses.fields(kind)}
    if DataConfig in sections.get(verb, ()):
        settings = settings - {"name"} | {"data"}
    flags = {name.replace("_", "-") for name in settings}
    assert flags <= shown
    own = shown - flags - {"json", "quiet"}
    arguments = _arguments(verb)
    assert own <= {name.strip("_").replace("_", "-") for name in arguments}


def _arguments(verb: str) -> set[str]:
    kinds = {"data list": DataList, "data prepare": DataPrepare, "data check": DataCheck}
    return {field.name for field in dataclasses.fields(kinds.get(verb) or VERBS[verb])}


@pytest.mark.parametrize("verb", ["", *VERBS, "data list", "data prepare", "data check"])
def test_help_says_what_each_verb_is_for(verb: str, help_of: Run) -> None:
    shown = help_of(verb)
    assert shown.startswith("usage: seatbelt-vae")
    assert ("--json" in shown) == (verb not in ("", "data", "completion"))
    assert "``" not in shown


def test_options_of_an_audit_come_before_those_of_reading(help_of: Run) -> None:
    shown = help_of("audit")
    order = ("data", "fail-if", "processes", "skip-bad", "pairs", "kind", "json")
    flags = re.findall(r"^\W*--([a-z-]+) ", shown, re.MULTILINE)
    places = [flags.index(option) for option in order]
    assert places == sorted(places)


def test_nothing_heavy_is_imported_for_help_or_errors(tmp_path: Path) -> None:
    helps = ["--help", "--version", *(f"{verb} --help" for verb in VERBS), "data check --help"]
    errors = [
        "tran",
        "train x --preset sealbelt",
        "train x --data dspites",
        "train x --data swiss-roll",
        "train x --data swiss-roll --network mlp --depth 9",
        "attack x",
        "audit zoo:x",
        "evaluate x --images 0",
        "report x",
        "compare",
        "results FROM --csv --json",
        "share x y",
        "demo --steps 0",
        "sweep x",
        "sweep x --vary beta=1,y",
        "sweep nowhere.toml",
        "data list",
        "completion csh",
        "completion bash",
    ]
    ended = subprocess.run(
        [sys.executable, "-c", LIGHT],
        input="\n".join(helps + errors),
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    told = ended.stdout.splitlines()
    assert len(told) == len(helps + errors)
    assert [line for line in told if not line.endswith("|")] == []


def test_importing_the_package_is_light() -> None:
    script = "import sys, seatbelt_vae; print('torch' in sys.modules, len(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert ended.stdout.startswith("False ")


@pytest.mark.parametrize("name", seatbelt_vae.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(seatbelt_vae, name).__module__.startswith("seatbelt_vae.")
    assert name in dir(seatbelt_vae)


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="no attribute 'atack'"):
        seatbelt_vae.__getattr__("atack")
