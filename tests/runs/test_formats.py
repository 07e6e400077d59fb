"""What earlier versions wrote is read for ever, and what later ones write is refused."""

import dataclasses
import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seatbelt_vae.cli.options import Train
from seatbelt_vae.cli.parsing import parse
from seatbelt_vae.config import ObjectiveConfig, RunConfig, TrainingConfig
from seatbelt_vae.config.objective import resolve_objective
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.config.training_defences import DEFENCE_SETTINGS
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.models import HierarchicalVAE, load_model
from seatbelt_vae.runs import RunFolder, formats, read_tensors
from tests.runs.written_run import ANSWERS, CONFIG, WRITTEN_BY, answers_to

VERSIONS = sorted(path.name for path in WRITTEN_BY.iterdir())
OLDEST = WRITTEN_BY / "0.1.0"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["run", "shared"])
def test_a_model_of_an_earlier_version_answers_as_it_did(kind: str, version: str) -> None:
    place = WRITTEN_BY / version
    if kind == "run":
        model = load_model(RunFolder.open(place / "run"))
    else:
        model = HierarchicalVAE.from_pretrained(place / "shared")
    stored = read_tensors(place / ANSWERS)
    found = answers_to(stored, model)
    assert len(found) == 9
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, stored[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("version", VERSIONS)
def test_its_settings_are_what_they_were(version: str) -> None:
    run = RunFolder.open(WRITTEN_BY / version / "run")
    shared = HierarchicalVAE.from_pretrained(WRITTEN_BY / version / "shared")
    assert run.config == shared.trained_as == CONFIG


def test_every_older_format_has_its_step() -> None:
    assert set(formats.STEPS) == set(range(1, formats.FORMAT))


def _penalty_to_beta(settings: dict[str, Any]) -> dict[str, Any]:
    objective = dict(settings["objective"])
    objective["beta"] = objective.pop("penalty")
    return settings | {"objective": objective}


def _doubled_beta(settings: dict[str, Any]) -> dict[str, Any]:
    return settings | {
        "objective": settings["objective"] | {"beta": 2 * settings["objective"]["beta"]}
    }


def _with_likelihood(architecture: dict[str, Any]) -> dict[str, Any]:
    return {"chain_likelihood": False, **architecture}


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version whose format is 3.

    Format 1 called β a penalty; format 2 counted half of it, and had no ``chain_likelihood``.
    """
    monkeypatch.setattr(formats, "FORMAT", 3)
    steps = {
        1: {"settings": _penalty_to_beta},
        2: {"settings": _doubled_beta, "architecture": _with_likelihood},
    }
    monkeypatch.setattr(formats, "STEPS", steps)


def _stored(folder: Path, number: int) -> RunFolder:
    """The oldest run, as one of format 1, 2 or 3 would have stored it; β is 3."""
    run = shutil.copytree(OLDEST / "run", folder)
    (run / "run.json").write_text(json.dumps({"format": number, "kind": "run"}))
    if number < 3:
        old = {1: "penalty = 1.5", 2: "beta = 1.5"}[number]
        _edit(run / "config.toml", lambda text: text.replace("beta = 3.0", old))
        _edit(run / "model.json", lambda text: text.replace(',\n "chain_likelihood": false', ""))
    return RunFolder(run)


def _edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before


@pytest.mark.usefixtures("third")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_stored_run_goes_through_every_later_step_and_no_other(
    number: int, tmp_path: Path
) -> None:
    run = RunFolder.open(_stored(tmp_path / "run", number).path)
    assert run.config == CONFIG
    stored = read_tensors(OLDEST / ANSWERS)
    assert torch.allclose(answers_to(stored, load_model(run))["decoded"], stored["decoded"])


@pytest.mark.usefixtures("third")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_so_does_a_shared_model(number: int, tmp_path: Path) -> None:
    shared = shutil.copytree(OLDEST / "shared", tmp_path / "shared")
    config = json.loads((shared / "config.json").read_text()) | {"format": number}
    if number < 3:
        beta = config["settings"]["objective"].pop("beta")
        config["settings"]["objective"][{1: "penalty", 2: "beta"}[number]] = beta / 2
        del config["architecture"]["chain_likelihood"]
    (shared / "config.json").write_text(json.dumps(config))
    model = HierarchicalVAE.from_pretrained(shared)
    assert model.trained_as == CONFIG
    assert model.architecture.chain_likelihood is False


@pytest.mark.usefixtures("third")
def test_settings_of_an_older_run_make_a_new_one(tmp_path: Path) -> None:
    settings = _stored(tmp_path / "run", 1).path / "config.toml"
    options = parse(["train", "new", "--config", str(settings)])
    assert isinstance(options, Train)
    assert options.run_config == CONFIG


@pytest.mark.usefixtures("third")
@pytest.mark.parametrize("number", [0, 4, 1.0, True, "1", None])
def test_another_format_is_refused(number: object, tmp_path: Path) -> None:
    run = shutil.copytree(OLDEST / "run", tmp_path / "run")
    (run / "run.json").write_text(json.dumps({"format": number}))
    with pytest.raises(ArtifactError) as caught:
        RunFolder.open(run)
    assert str(caught.value) == (
        f"{run} is a run folder of format {number}, this version reads formats 1 to 3: use the "
        f"version that wrote it, or train again from its config.toml"
    )


@pytest.mark.usefixtures("third")
def test_a_damaged_architecture_of_an_old_format_is_named(tmp_path: Path) -> None:
    run = _stored(tmp_path / "run", 1)
    (run.path / "model.json").write_text("[]")
    with pytest.raises(ArtifactError, match=r"describes no model \(the content is \[\], expected"):
        load_model(run)


_STATED = """
[objective]
defence = {defence}
defence_steps = 3
coupling_source = "delusion"
"""
"""Settings of a format 2 folder, when every setting was stated and this was the default."""


@pytest.mark.parametrize(
    ("defence", "source", "steps"),
    [
        ("[]", "adversarial", 1),
        ('["denoising-adversarial"]', "adversarial", 3),
        ('["coupled-encoder"]', "delusion", 3),
    ],
)
def test_a_stated_setting_that_no_defence_read_takes_its_default(
    defence: str, source: str, steps: int, tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": 2, "kind": "run"}))
    (tmp_path / "config.toml").write_text(_STATED.format(defence=defence))
    objective = RunFolder.open(tmp_path).config.objective
    assert (objective.coupling_source, objective.defence_steps) == (source, steps)
    assert resolve_objective(objective, "vae", 1) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("defence", "message"),
    [
        ('["no"]', "unknown training defence 'no': known"),
        ("3", "objective.defence is 3, expected"),
        ("[3]", "objective.defence is 3, expected str"),
    ],
)
def test_damaged_defences_of_format_2_are_named(defence: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": 2, "kind": "run"}))
    (tmp_path / "config.toml").write_text(_STATED.format(defence=defence))
    with pytest.raises(ConfigError) as caught:
        _ = RunFolder.open(tmp_path).config
    assert str(caught.value).startswith(f"{tmp_path / 'config.toml'}: {message}")


def test_settings_that_no_defence_reads_are_not_stored(tmp_path: Path) -> None:
    objective = ObjectiveConfig(defence=("encoder-jacobian",), jacobian_weight=2.0)
    run = RunFolder.create(tmp_path / "run", RunConfig(objective=objective))
    stored = tomllib.loads((run.path / "config.toml").read_text())["objective"]
    assert set(stored) & set(DEFENCE_SETTINGS) == {"jacobian_weight"}
    assert run.config.objective == objective


def test_a_mistake_is_stored_and_refused(tmp_path: Path) -> None:
    objective = ObjectiveConfig(coupling_correlation=0.5)
    run = RunFolder.create(tmp_path / "run", RunConfig(objective=objective))
    assert run.config.objective == objective
    with pytest.raises(ConfigError, match=r"coupling_correlation is 0.5, which no chosen defence"):
        resolve_objective(run.config.objective, "vae", 1)


SETTINGS = tomllib.loads((OLDEST / "run" / "config.toml").read_text())
SETTABLE = [
    (section.name, field.name)
    for section in dataclasses.fields(RunConfig)
    for field in dataclasses.fields(section.default_factory)  # type: ignore[arg-type]
    if field.name in SETTINGS[section.name]
]


@pytest.mark.parametrize(
    ("section", "name"), [pair for pair in SETTABLE if pair[1] != "latent_sizes"]
)
def test_a_setting_that_is_absent_takes_its_default(section: str, name: str) -> None:
    table = {key: value for key, value in SETTINGS[section].items() if key != name}
    found = from_dict(RunConfig, SETTINGS | {section: table})
    default = getattr(getattr(RunConfig(), section), name)
    chosen = dataclasses.replace(getattr(CONFIG, section), **{name: default})
    assert found == dataclasses.replace(CONFIG, **{section: chosen})


def test_a_setting_that_was_added_later_takes_its_default() -> None:
    later = dataclasses.make_dataclass(
        "Later", [("averaged", bool, True)], bases=(TrainingConfig,), frozen=True
    )
    found = from_dict(later, SETTINGS["training"])
    assert found.averaged is True
    assert found.steps == CONFIG.training.steps
