"""What a job is keyed by, and what cannot be one."""

import hashlib

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
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.workflow import Job, folder_name

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
def test_what_only_decides_speed_is_not_in_the_key(training):
    assert Job(RunConfig(training=TrainingConfig(**training))).digest == Job(RunConfig()).digest


def test_whatever_decides_a_number_is():
    digests = [Job(run).digest for run in (RunConfig(), *OTHER)]
    assert len(set(digests)) == len(digests)


def test_attacks_and_evaluation_are_not():
    assert Job(RunConfig(), (AttackConfig(),)).digest == Job(RunConfig()).digest


def test_the_key_survives_storing(tmp_path):
    """An integer given for a number is read back as a float, a list as a tuple."""
    run = RunConfig(
        model=ModelConfig(latent_sizes=(12, 6)),
        objective=ObjectiveConfig(beta=2),
        training=TrainingConfig(seed=3),
    )
    (tmp_path / "config.toml").write_text(dump_toml(run))
    assert Job(load_toml(tmp_path / "config.toml", RunConfig)).digest == Job(run).digest


def test_the_key_is_what_it_was():
    """Folders made by an earlier version are known by it, whatever settings are added since."""
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
        "two attacks are called 'latent-kl-strong', and a run holds one of a name: attack with one "
        "of them, or with another loss, threat, strength or layers"
    )
