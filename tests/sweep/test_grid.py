"""Grid files: their jobs, and their errors."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from seatbelt_vae.config import AttackConfig, EvaluationConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.sweep import Grid, read_grid
from seatbelt_vae.workflow import Job, folder_name

WHOLE = """
out = "runs/grid"

[train.data]
name = "swiss-roll"

[train.model]
network = "mlp"

[train.training]
steps = 100

[vary]
"model.preset" = ["beta-tcvae", "seatbelt"]
objective.beta = [1, 2.5]
model.latent_sizes = [[8], [8, 4]]

[[attack]]

[[attack]]
loss = "output"
pairs = 3

[evaluation]
images = 50
"""


def grid(path: Path, text: str) -> Grid:
    (path / "grid.toml").write_text(text)
    return read_grid(path / "grid.toml")


def test_a_file_with_everything(tmp_path: Path) -> None:
    found = grid(tmp_path, WHOLE)
    assert found.out == "runs/grid"
    assert found.impossible == {}
    presets, betas, sizes = ("beta-tcvae", "seatbelt"), (1.0, 2.5), ((8,), (8, 4))
    assert [
        (label, job.run.model.preset, job.run.objective.beta, job.run.model.latent_sizes)
        for label, job in found.jobs.items()
    ] == [
        (f"preset={p}_beta={b:g}_latent-sizes={'+'.join(map(str, s))}", p, b, s)
        for p in presets
        for b in betas
        for s in sizes
    ]
    for job in found.jobs.values():
        assert job.run.data.name == "swiss-roll"
        assert job.run.model.network == "mlp"
        assert job.run.training.steps == 100
        assert job.attacks == (AttackConfig(), AttackConfig(loss="output", pairs=3))
        assert job.evaluation == EvaluationConfig(images=50)


def test_an_empty_file_is_one_run_of_defaults(tmp_path: Path) -> None:
    assert grid(tmp_path, "").jobs == {"run": Job(Grid().train)}


def test_names_of_folders_are_plain(tmp_path: Path) -> None:
    found = grid(tmp_path, "[vary]\ndata.skip_bad = [true]\ntraining.learning_rate = [1e-3]\n")
    ((label, job),) = found.jobs.items()
    assert folder_name(label, job).startswith("skip-bad=True_learning-rate=0.001-")


def test_an_invalid_combination_is_reported_and_the_others_remain(tmp_path: Path) -> None:
    text = "[vary]\nobjective.kl_warm_up = [10, 90]\nobjective.warm_up_period = [50, 100]\n"
    found = grid(tmp_path, text)
    assert list(found.jobs) == [
        "kl-warm-up=10_warm-up-period=50",
        "kl-warm-up=10_warm-up-period=100",
        "kl-warm-up=90_warm-up-period=100",
    ]
    assert found.impossible == {
        "kl-warm-up=90_warm-up-period=50": (
            "warm_up_period is 50, expected a finite number of at least 90"
        )
    }


@pytest.mark.parametrize(
    "text",
    [
        "vary = [1]",
        "[varry]",
        "[vary]\nobjective = [1]",
        "[vary]\nbeta = [1]",
        "[vary]\nobjective.betta = [1]",
        "[vary]\n'objectiv.beta' = [1]",
        "[vary]\nobjective.beta = 4",
        "[vary]\nobjective.beta = []",
        "[vary]\nobjective.beta = [1, 1.0]",
        "[vary]\nobjective.beta = ['ten']",
        "[vary]\nobjective.beta = [1, -1]",
        "[vary]\nmodel.preset = ['vae', 'seatbeld']",
        "[vary]\nmodel.latent_sizes = [8, 4]",
        "[vary]\ndata.root = ['/a', '/b']",
        "[train.objective]\nbetta = 1",
        "[train]\nbeta = 1",
        "[attack]\nloss = 'output'",
        "[[attack]]\nlos = 'output'",
        "[[attack]]\n[[attack]]\npairs = 3",
        "[evaluation]\nimages = 0",
        "evaluation = 3",
        "out = 3",
        "[vary",
    ],
)
def test_errors_of_a_file_are_named(text: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigError) as caught:
        grid(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/grid.toml")
    assert message.removeprefix(f"{tmp_path}/") == snapshot


def test_defences_are_an_axis() -> None:
    names = ["denoising-adversarial", "encoder-jacobian"]
    jobs = Grid(vary={"objective.defence": [[], names[:1], names]}).jobs
    assert [job.run.objective.defence for job in jobs.values()] == [(), (names[0],), tuple(names)]
    assert list(jobs) == ["defence=none", f"defence={names[0]}", f"defence={'+'.join(names)}"]
