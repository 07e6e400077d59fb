"""Digests of jobs, and invalid jobs."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from seatbelt_vae.config import (
    AttackConfig,
    DataConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    TrainingConfig,
    dump_toml,
    load_toml,
)
from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.runs import RunFolder, write_json
from seatbelt_vae.workflow import Hardening, Job, folder_name, is_of

SAME = [
    {"threads": 4},
    {"device": "cpu"},
    {"checkpoint_every": 7},
    {"trackers": ("tensorboard",)},
]
OTHER = [
    RunConfig(DataConfig(images=100)),
    RunConfig(DataConfig(root="/pictures")),
    RunConfig(model=ModelConfig("vae")),
    RunConfig(model=ModelConfig(latent_sizes=(12, 6))),
    RunConfig(objective=ObjectiveConfig(beta=2.0)),
    RunConfig(objective=ObjectiveConfig(free_bits=2.0)),
    RunConfig(training=TrainingConfig(seed=1)),
    RunConfig(training=TrainingConfig(epochs=1)),
    RunConfig(training=TrainingConfig(precision="bf16")),
    RunConfig(training=TrainingConfig(validate_every=1)),
    RunConfig(training=TrainingConfig(ema_decay=0.9)),
]


@pytest.mark.parametrize("training", SAME)
def test_settings_of_speed_do_not_change_the_digest(training):
    assert Job(RunConfig(training=TrainingConfig(**training))).digest == Job(RunConfig()).digest


def test_settings_of_results_change_the_digest():
    digests = [Job(run).digest for run in (RunConfig(), *OTHER)]
    assert len(set(digests)) == len(digests)


def test_attacks_and_evaluation_do_not_change_the_digest():
    assert Job(RunConfig(), (AttackConfig(),)).digest == Job(RunConfig()).digest


def test_the_digest_survives_storing(tmp_path):
    """An integer given for a number is read back as a float, a list as a tuple."""
    run = RunConfig(
        model=ModelConfig(latent_sizes=(12, 6)),
        objective=ObjectiveConfig(beta=2),
        training=TrainingConfig(seed=3),
    )
    (tmp_path / "config.toml").write_text(dump_toml(run))
    assert Job(load_toml(tmp_path / "config.toml", RunConfig)).digest == Job(run).digest


def test_the_digest_equals_that_of_earlier_versions():
    """It identifies folders of earlier versions, even after settings were added."""
    some = RunConfig(
        model=ModelConfig(latent_sizes=(9, 6)),
        objective=ObjectiveConfig(beta=4),
        training=TrainingConfig(seed=2, threads=8),
    )
    stated = (
        '{"model": {"latent_sizes": [9, 6]}, "objective": {"beta": 4.0}, "training": {"seed": 2.0}}'
    )
    for run, text in ((RunConfig(), '{"training": {}}'), (some, stated)):
        digest = hashlib.sha256(text.encode()).hexdigest()
        assert Job(run).digest == digest[:16]
        assert folder_name("x", Job(run)) == f"x-{digest[:8]}"


def test_two_suites_of_one_name_are_refused():
    with pytest.raises(ConfigError) as caught:
        Job(RunConfig(), (AttackConfig(), AttackConfig(loss="output"), AttackConfig(pairs=3)))
    assert str(caught.value) == (
        "two attacks have the name 'latent-kl-strong': remove one, or change its loss, threat, "
        "strength or layers"
    )


def test_a_hardening_is_another_job_wherever_its_source_is():
    run, config = RunConfig(), HardeningConfig(steps=5)

    def hardened(source="a", **settings):
        return Job(run, hardening=Hardening(Path(source), replace(config, **settings))).digest

    assert len({Job(run).digest, hardened(), hardened(steps=6), hardened(radius=0.1)}) == 4
    assert hardened() == hardened("b") == hardened(threads=4) == hardened(checkpoint_every=7)


def test_a_folder_is_of_the_job_with_its_hardening(tmp_path):
    RunFolder.create(tmp_path / "run", RunConfig())
    hardening = Hardening(tmp_path, HardeningConfig(steps=5))
    plain, hardened = Job(RunConfig()), Job(RunConfig(), hardening=hardening)
    assert is_of(tmp_path / "run", plain)
    assert not is_of(tmp_path / "run", hardened)
    write_json(tmp_path / "run" / "hardened.json", {"identity": {"settings": hardening.decisive}})
    assert is_of(tmp_path / "run", hardened)
    assert not is_of(tmp_path / "run", plain)
    other = replace(hardening, config=HardeningConfig(steps=6))
    assert not is_of(tmp_path / "run", replace(hardened, hardening=other))
