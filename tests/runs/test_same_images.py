"""Every step of a run works on the images it was trained on, or stops."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seatbelt_vae.attacks import PairsDone, run_suite
from seatbelt_vae.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from seatbelt_vae.data.loading import load_for
from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.evaluation import evaluate, measure_suite
from seatbelt_vae.models import load_model
from seatbelt_vae.report import write_report
from seatbelt_vae.runs import RunFolder, read_tensors, suite_file
from seatbelt_vae.runs.contents import Run
from seatbelt_vae.subjects import open_subject, store_subject, subject_of_model
from seatbelt_vae.training import train
from seatbelt_vae.workflow import Job, carry_out
from tests.runs.written_run import EVALUATION as WRITTEN
from tests.runs.written_run import HALF
from tests.training.small import trained

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
SMALL = ModelConfig("vae", latent_sizes=(3,), network="mlp", features=8)
EVALUATION = replace(WRITTEN, optional_metrics=())
ATTACK = replace(HALF, pairs=2, together=1)
Step = Callable[[RunFolder], object]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A trained run; the rows of the file are 40 images."""
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    np.save(tmp_path / "x.npy", IMAGES[:40])
    settings = RunConfig(
        DataConfig("array", str(tmp_path / "x.npy")),
        SMALL,
        training=TrainingConfig(steps=4, batch_size=8, device="cpu", threads=1),
    )
    return trained(tmp_path / "run", settings, load_for(settings))


def change(run: RunFolder, rows: np.ndarray) -> None:
    """Replace the data of a run."""
    root = run.config.data.root
    assert root is not None
    np.save(root, rows)


def resume(run: RunFolder) -> object:
    return train(run, load_for(run.config))


def attack(run: RunFolder) -> object:
    return run_suite(run, load_for(run.config), ATTACK)


def measure(run: RunFolder) -> object:
    return evaluate(run, load_for(run.config), EVALUATION)


def work(run: RunFolder) -> object:
    return carry_out(run.path, Job(run.config, (ATTACK,)), lambda *_: None, lambda: False)


@pytest.mark.parametrize("step", [resume, attack, measure, work])
def test_a_step_stops_when_an_image_was_replaced(run: RunFolder, step: Step) -> None:
    change(run, np.concatenate([IMAGES[:39], IMAGES[50:51]]))
    with pytest.raises(ForeignStateError, match=f"{run.path} was made with other images of 'arr"):
        step(run)


@pytest.mark.parametrize("step", [resume, attack, measure, work])
def test_a_step_goes_on_when_images_were_added(
    run: RunFolder, step: Step, caplog: pytest.LogCaptureFixture
) -> None:
    change(run, np.concatenate([IMAGES[50:], IMAGES[:40]]))
    step(run)
    assert "10 images were added to 'array' later" in caplog.text


def test_results_do_not_depend_on_added_images(run: RunFolder) -> None:
    other = RunFolder(Path(shutil.copytree(run.path, run.path.with_name("other"))))
    first = measure(run)
    change(run, np.concatenate([IMAGES[50:], IMAGES[:40]]))
    assert measure(other) == first
    held_out = (IMAGES[:40, None] / 127.5 - 1).astype(np.float32)
    pictures = read_tensors(other.path / "evaluation" / "pictures.safetensors")["x"].numpy()
    order = np.random.Generator(np.random.Philox(0)).permutation(40)
    trained_on = {held_out[number].tobytes() for number in order[:36]}
    assert not any(picture.tobytes() in trained_on for picture in pictures)


def test_a_training_goes_on_with_the_same_images(run: RunFolder) -> None:
    data, place = load_for(run.config), run.path.with_name("other")
    other = trained(place, run.config, data, stop=lambda: True)
    change(run, np.concatenate([IMAGES[50:], IMAGES[:40]]))
    resume(other)
    weights = [read_tensors(one.path / "model.safetensors") for one in (run, other)]
    assert weights[0].keys() == weights[1].keys()
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])


class _StopError(Exception):
    pass


def _stop(_: PairsDone) -> None:
    raise _StopError


def test_a_suite_is_not_continued_on_other_images(run: RunFolder) -> None:
    (run.path / "data.safetensors").unlink()  # as a run of an older version
    with pytest.raises(_StopError):
        run_suite(run, load_for(run.config), ATTACK, on_pairs=_stop)
    change(run, IMAGES[20:])
    with pytest.raises(ForeignStateError, match="holds a suite with another set of images"):
        attack(run)


def test_a_suite_of_an_older_version_is_continued(
    run: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (run.path / "data.safetensors").unlink()
    with pytest.raises(_StopError):
        run_suite(run, load_for(run.config), ATTACK, on_pairs=_stop)
    path = suite_file(run.path / "attacks" / "output-single")
    stored = json.loads(path.read_text())
    del stored["images"]
    path.write_text(json.dumps(stored))
    attack(run)
    assert "did not store which images it was trained on" in caplog.text


def test_a_report_of_different_images_is_refused(run: RunFolder) -> None:
    attack(run)
    measure_suite(run.path / "attacks" / "output-single", load_model(run))
    measure(run)
    Run("run", run.path).read()
    (run.path / "data.safetensors").unlink()  # as a run of an older version
    change(run, IMAGES[20:])
    measure(run)
    expected = f"{run.path} holds results of different images in attacks/output-single, evaluation:"
    with pytest.raises(ArtifactError, match=expected):
        write_report([run.path], run.path / "report.html")


def test_the_folder_of_another_model_keeps_its_images(run: RunFolder, tmp_path: Path) -> None:
    model, data = load_model(run), load_for(run.config)
    subject = subject_of_model(model, "mine", source="nowhere")
    subject = store_subject(subject.judged_on(run.config.data), tmp_path / "mine")
    evaluate(subject, data, EVALUATION)
    change(run, IMAGES[20:])
    with pytest.raises(ForeignStateError, match=f"{tmp_path}/mine was made with other images"):
        run_suite(subject, load_for(run.config), ATTACK)


def test_the_folder_of_another_model_may_have_its_data_moved(
    run: RunFolder, tmp_path: Path
) -> None:
    subject = subject_of_model(load_model(run), "mine", source="nowhere")
    first = store_subject(subject.judged_on(run.config.data), tmp_path / "mine")
    moved = replace(run.config.data, root=str(tmp_path / "moved.npy"))
    evaluate(first, load_for(run.config), EVALUATION)
    assert store_subject(subject.judged_on(moved), tmp_path / "mine").folder == tmp_path / "mine"
    other = replace(moved, name="folder")
    with pytest.raises(ForeignStateError, match="results of a subject with other data"):
        store_subject(subject.judged_on(other), tmp_path / "mine")


def test_a_run_is_opened_without_its_data(run: RunFolder) -> None:
    assert open_subject(run.path).folder == run.path
