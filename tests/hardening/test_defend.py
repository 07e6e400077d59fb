"""Hardened subjects: their effect, their folders, and the continuation of unfinished ones."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seatbelt_vae import RunFolder, load_data, open_subject, train
from seatbelt_vae.attacks import attack
from seatbelt_vae.auditing.audited_images import audited_images
from seatbelt_vae.cli import main
from seatbelt_vae.config import AttackConfig, AuditConfig
from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.hardening import defend
from seatbelt_vae.runs import read_json, read_tensors, write_tensors
from seatbelt_vae.subjects import subject_of_run
from seatbelt_vae.subjects.adapters.disentangling_vae import DisentanglingVAE, adapt
from tests.faults.killing import in_process, killed_until_done
from tests.hardening.small import SETTINGS, write_model
from tests.training.small import config, points
from tests.training.test_continuation import trained


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a trained model."""
    folder = tmp_path_factory.mktemp("small")
    write_model(folder)
    return folder


@pytest.fixture(scope="module")
def data(place):
    return load_data(f"{place / 'small.py'}:images").within((0.0, 1.0))


@pytest.fixture(scope="module")
def plain(place, data):
    return open_subject(f"{place / 'small.py'}:load", data)


def worst_gap(subject, data, norm):
    """The mean gap of eight pairs within ε = 0.2 (l2) or 0.1 (linf)."""
    x, target = data.test.batch(np.arange(16)).chunk(2)
    budgets = (0.2 if norm == "l2" else 0.1,)
    settings = AttackConfig("output-reconstruction", threat=norm, budgets=budgets, restarts=2)
    found = attack(subject.for_inference, x, target, settings)
    with torch.no_grad():
        model = subject.model
        ends = [model.decode(model.encode(side).z).mean for side in (x, target)]
    return float((found.divergence[:, 0] / (ends[0] - ends[1]).flatten(1).norm(dim=1)).mean())


@pytest.mark.parametrize("change", [{}, {"norm": "linf", "radius": 0.2}, {"objective": "codes"}])
def test_hardening_raises_the_gap_and_keeps_the_decoder(change, plain, data, tmp_path):
    settings = replace(SETTINGS, steps=300, inner_steps=3, **change)
    found = defend(plain, data, settings, out=tmp_path / "hard")
    after, before = (worst_gap(each, data, settings.norm) for each in (found.subject, plain))
    assert after > before + 0.03
    assert found.error_after < 1.3 * found.error_before
    assert found.code_shift < 1
    z = torch.randn(5, 6)
    assert torch.equal(found.subject.model.decode([z]).mean, plain.model.decode([z]).mean)
    assert found.steps == 300


def test_the_clean_errors_are_those_of_held_out_images(plain, data, tmp_path):
    found = defend(plain, data, SETTINGS, out=tmp_path / "hard")
    x = data.test.batch(np.arange(len(data.test)))
    for subject, stated in ((plain, found.error_before), (found.subject, found.error_after)):
        with torch.no_grad():
            error = subject.model.decode(subject.model.encode(x).z).mean - x
        assert stated == pytest.approx(error.square().flatten(1).sum(1).mean().item(), rel=1e-5)


def test_the_folder_opens_with_the_hardened_weights(plain, data, tmp_path):
    found = defend(plain, data, SETTINGS, out=tmp_path / "hard")
    again = open_subject(tmp_path / "hard", data)
    assert again.digest == found.subject.digest != plain.digest
    assert again.name == "hard"
    x = data.test.batch(np.arange(4))
    assert torch.equal(again.model.encode(x).z[0], found.subject.model.encode(x).z[0])
    assert set(read_tensors(tmp_path / "hard/model.safetensors")) == {
        f"encoder.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")
    }
    assert defend(plain, data, SETTINGS, out=tmp_path / "hard").error_after == found.error_after
    twice = defend(again, data, SETTINGS, out=tmp_path / "twice")
    assert open_subject(tmp_path / "twice", data).digest == twice.subject.digest != again.digest


def test_a_file_of_weights_keeps_its_layout(tmp_path):
    torch.manual_seed(0)
    module = DisentanglingVAE(1, 32, 3, 8)
    write_tensors(tmp_path / "plain.safetensors", module.state_dict())
    data = load_data("dsprites", images=40, image_size=32)
    subject = open_subject(tmp_path / "plain.safetensors", data)
    settings = replace(SETTINGS, steps=2)
    found = defend(subject, data, settings, out=tmp_path / "hard")
    stored = read_tensors(tmp_path / "hard/model.safetensors")
    assert stored.keys() == module.state_dict().keys()
    x = torch.rand(2, 1, 32, 32)
    for model in (adapt(stored), open_subject(tmp_path / "hard", data).model):
        assert torch.equal(model.encode(x).z[0], found.subject.model.encode(x).z[0])


def test_a_run_becomes_a_run(tmp_path):
    run = trained(tmp_path / "run", config(steps=20))
    subject = subject_of_run(run)
    found = defend(subject, points(), replace(SETTINGS, steps=3), out=tmp_path / "hard")
    again = open_subject(tmp_path / "hard")
    assert (again.kind, again.digest) == ("run", found.subject.digest)
    assert again.digest != subject.digest
    assert subject_of_run(run).digest == subject.digest
    assert (run.path / "data.safetensors").read_bytes() == (
        tmp_path / "hard/data.safetensors"
    ).read_bytes()
    with pytest.raises(ForeignStateError, match="hardened"):
        train(RunFolder.open(tmp_path / "hard"), points())


def test_another_source_settings_or_folder_are_refused(place, plain, data, tmp_path):
    defend(plain, data, SETTINGS, out=tmp_path / "hard")
    with pytest.raises(ForeignStateError, match="with other settings"):
        defend(plain, data, replace(SETTINGS, steps=31), out=tmp_path / "hard")
    path = tmp_path / "hard/hardened.json"
    about = read_json(path)
    path.write_text(json.dumps({**about, "before": "0" * 16}))
    with pytest.raises(ForeignStateError, match="restore that model"):
        open_subject(tmp_path / "hard", data)
    path.write_text(json.dumps(about))
    write_tensors(tmp_path / "hard/model.safetensors", {"encoder.0.weight": torch.ones(3)})
    with pytest.raises(ArtifactError, match=r"encoder\.0\.weight"):
        open_subject(tmp_path / "hard", data)
    with pytest.raises(ArtifactError, match="not empty"):
        defend(plain, data, SETTINGS, out=place)


def test_minutes_fix_the_number_of_steps_once(plain, data, tmp_path):
    settings = replace(SETTINGS, minutes=0.005, checkpoint_every=1)
    assert defend(plain, data, settings, out=tmp_path / "hard", stop=lambda: True) is None
    steps = read_json(tmp_path / "hard/hardening/plan.json")["steps"]
    assert 1 < steps < 1000
    assert defend(plain, data, settings, out=tmp_path / "hard").steps == steps
    assert not (tmp_path / "hard/hardening").exists()


def harden_in_process(place: Path, out: str) -> None:
    """Run the command in the folder of the model."""
    os.chdir(place)
    line = "defend small.py:load --data small.py:images --steps 60 --batch-size 16 --quiet"
    assert main([*line.split(), "--checkpoint-every", "3", "--out", out]) == 0


def test_a_killed_hardening_ends_in_the_same_bytes(place):
    in_process(harden_in_process, place, "whole")

    def newest():
        return max((place / "killed").glob("hardening/checkpoints/step-*"), default=None)

    killed_until_done(harden_in_process, place, "killed", moments=[newest] * 3, seed=0)
    for name in ("model.safetensors", "data.safetensors"):
        assert (place / "killed" / name).read_bytes() == (place / "whole" / name).read_bytes()
    assert read_json(place / "killed/hardened.json") == read_json(place / "whole/hardened.json")


def test_two_commands_harden_and_audit(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    line = "defend small.py:load --data small.py:images --steps 5 --out two --quiet"
    assert main(line.split()) == 0
    assert "audit it: seatbelt-vae audit two" in capsys.readouterr().out
    line = "audit two --pairs 2 --budgets 0.2 --linf-budgets 8 --gradient-free 0 --json --quiet"
    main([*line.split(), "--losses", "latent-l2", "--processes", "1"])
    found = json.loads(capsys.readouterr().out)
    assert found["target"]["digest"] == read_json(place / "two/subject.json")["digest"]
    assert (place / "two/audit/report.html").exists()


def test_a_command_without_out_is_refused(capsys):
    assert main(["defend", "small.py:load"]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_hardened_model_is_audited_on_held_out_images(plain, data, tmp_path):
    found = defend(plain, data, replace(SETTINGS, steps=2), out=tmp_path / "hard").subject
    settings = AuditConfig(pairs=3)
    for subject in (found, open_subject(tmp_path / "hard", data)):
        assert len(audited_images(subject, data, settings).data.test) == len(data.test)
    wrapped = open_subject(tmp_path / "hard", data, defence="self-denoising")
    assert len(audited_images(wrapped, data, settings).data.test) == len(data.test)
    whole = audited_images(plain, data, settings).data.test
    assert len(whole) == len(data.train) + len(data.test)
