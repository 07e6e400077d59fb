"""Trackers: what they are told, and that none is imported unasked."""

import subprocess
import sys

import pytest
from accelerate.tracking import GeneralTracker
from accelerate.utils import LoggerType

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.runs import RunFolder, read_rows
from seatbelt_vae.training import trackers, train
from tests.training.small import config, points


class Notebook(GeneralTracker):
    """A tracker that keeps what it is told."""

    name = "notebook"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self):
        super().__init__()
        self.settings, self.rows, self.closed = {}, [], 0

    @property
    def tracker(self):
        return self

    def store_init_configuration(self, values):
        self.settings = values

    def log(self, values, step=None, **_):
        self.rows.append((step, values))

    def finish(self):
        self.closed += 1


def test_a_tracker_is_told_every_row(tmp_path, monkeypatch):
    notebook = Notebook()
    accelerator = trackers.Accelerator
    monkeypatch.setattr(trackers, "Accelerator", lambda **_: accelerator(log_with=[notebook]))
    monkeypatch.setattr(trackers, "get_available_trackers", lambda: [LoggerType.TENSORBOARD])
    run = RunFolder.create(tmp_path / "run", config(steps=20, trackers=("tensorboard",)))
    train(run, points())
    assert notebook.closed == 1
    assert notebook.settings["training.steps"] == 20
    assert notebook.settings["model.latent_sizes"] == "(3,)"
    rows = read_rows(run.path / "metrics")
    assert len(rows) == len(notebook.rows) == 21
    for row, (step, told) in zip(rows, notebook.rows, strict=True):
        assert step == row["step"]
        assert told[f"{row['split']}/elbo"] == row["elbo"]


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_tracker_that_is_not_there_is_named(tmp_path, name):
    run = RunFolder.create(tmp_path / "run", config(trackers=(name,)))
    with pytest.raises(ConfigError, match=f"tracker {name} is not installed: pip install {name}"):
        train(run, points())


def test_training_imports_no_tracker():
    code = (
        "import sys, seatbelt_vae.training as _;"
        "sys.exit(bool({'tensorboard', 'wandb', 'mlflow', 'trackio'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
