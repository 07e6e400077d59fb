"""Trackers: the rows they receive; unselected trackers are not imported."""

import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.tracking import GeneralTracker
from accelerate.utils import LoggerType
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.runs import RunFolder, read_rows
from seatbelt_vae.training import trackers, train
from tests.training.small import config, points, trained

ROOT = Path(__file__).resolve().parents[2]


class Notebook(GeneralTracker):
    """A tracker that stores its rows."""

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
    run = trained(tmp_path / "run", config(steps=20, trackers=("tensorboard",)))
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


def test_tensorboard_is_told_every_row(tmp_path):
    run = trained(tmp_path / "run", config(steps=20, trackers=("tensorboard",)))
    (events,) = (run.path / "trackers").rglob("events.out.tfevents.*.0")
    told = EventAccumulator(str(events.parent)).Reload()
    rows = read_rows(run.path / "metrics")
    for split, count in (("train", 20), ("validation", 1)):
        expected = [row for row in rows if row["split"] == split]
        assert len(expected) == count
        for name in ("elbo", "log_likelihood", "divergence_1"):
            found = told.Scalars(f"{split}/{name}")
            assert [event.step for event in found] == [row["step"] for row in expected]
            values = [event.value for event in found]
            assert values == pytest.approx([row[name] for row in expected], rel=1e-6)


def test_training_imports_the_tracker_that_is_asked_for_and_no_compiler(tmp_path):
    """The tracker is installed here; the compiler of torch takes seconds to import."""
    for name, asked in (("without", ()), ("with", ("tensorboard",))):
        RunFolder.create(tmp_path / name, config(steps=2, trackers=asked))
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.training.small import train_in_process\n"
        "for name in ('without', 'with'):\n"
        "    train_in_process(Path(sys.argv[1]) / name)\n"
        "    heavy = {'tensorboard', 'wandb', 'mlflow', 'trackio', 'torch._dynamo'}\n"
        "    print(sorted(heavy & {*sys.modules}))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert said.splitlines() == ["[]", "['tensorboard']"]
