"""One job in its folder: done steps are kept, missing ones added, foreign folders refused."""

import shutil
from dataclasses import replace

import pytest

from seatbelt_vae.config import EvaluationConfig, dump_toml
from seatbelt_vae.errors import ConfigError, ForeignStateError
from seatbelt_vae.runs import RunFolder, read_settings
from seatbelt_vae.workflow import carry_out, is_done
from tests.sweep import small
from tests.sweep.holding import held

JOB = small.job()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A job that ran without interruption."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    carry_out(folder, JOB, small.silent, small.never)
    return folder


@pytest.fixture
def told():
    """The reported activities of a job, by their first word."""
    return []


def teller(told):
    def tell(what, *_):
        if not told or told[-1] != what.split()[0]:
            told.append(what.split()[0])

    return tell


def test_everything_is_done_once(whole, told):
    assert is_done(whole, JOB)
    assert small.ends(whole) == ["done"]
    assert read_settings(whole / "evaluation" / "config.toml", EvaluationConfig) == small.EVALUATION
    before = small.made(whole)
    carry_out(whole, JOB, teller(told), small.never)
    assert told == []
    assert small.ends(whole) == ["done"]
    assert small.made(whole) == before


def stopper(moment, told):
    """Requests a stop as soon as an activity is reported."""
    return lambda: bool(told) and told[-1] == moment


@pytest.mark.parametrize("moment", ["training", "attacking", "measuring", "evaluating"])
def test_a_job_stopped_in_any_step_resumes_to_the_same_numbers(whole, told, tmp_path, moment):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        carry_out(folder, JOB, teller(told), stopper(moment, told))
    assert not is_done(folder, JOB)
    carry_out(folder, JOB, small.silent, small.never)
    assert small.ends(folder) == ["interrupted", "done"]
    assert small.made(folder) == small.made(whole)


def test_only_new_steps_run(told, tmp_path):
    folder = tmp_path / "run"
    carry_out(folder, small.trained_only(JOB), small.silent, small.never)
    weights = (folder / "model.safetensors").stat().st_mtime_ns
    carry_out(folder, replace(JOB, evaluation=None), teller(told), small.never)
    assert told == ["getting", "attacking", "measuring"]
    told.clear()
    more = replace(JOB, attacks=(small.ATTACK, replace(small.ATTACK, loss="latent-w2")))
    carry_out(folder, more, teller(told), small.never)
    assert told == ["getting", "attacking", "measuring", "evaluating"]
    assert is_done(folder, more)
    told.clear()
    other = replace(more, evaluation=replace(small.EVALUATION, images=10))
    assert not is_done(folder, other)
    carry_out(folder, other, teller(told), small.never)
    assert told == ["getting", "evaluating"]
    assert RunFolder.open(folder).read_json("evaluation/measures.json")["images"] == 10
    assert (folder / "model.safetensors").stat().st_mtime_ns == weights
    assert small.ends(folder) == ["done"] * 4


def test_another_optional_metric_keeps_the_earlier_ones(whole, told, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    few, more = (
        replace(JOB, evaluation=replace(small.EVALUATION, optional_metrics=also))
        for also in ((), ("codes", "denoising"))
    )
    carry_out(folder, more, small.silent, small.never)
    codes = (folder / "evaluation" / "codes.parquet").stat().st_mtime_ns
    assert is_done(folder, few)
    carry_out(folder, few, teller(told), small.never)
    assert told == []
    other = replace(JOB, evaluation=replace(small.EVALUATION, optional_metrics=("mig",)))
    assert not is_done(folder, other)
    carry_out(folder, other, small.silent, small.never)
    assert {path.stem for path in (folder / "evaluation").glob("*.parquet")} >= {
        "codes",
        "denoising",
        "mig",
    }
    assert (folder / "evaluation" / "codes.parquet").stat().st_mtime_ns > codes
    # other images make another evaluation, which keeps no optional metric
    carry_out(
        folder,
        replace(few, evaluation=replace(few.evaluation, images=10)),
        small.silent,
        small.never,
    )
    assert not (folder / "evaluation" / "codes.parquet").exists()


def test_other_threads_repeat_no_step(whole):
    run = replace(JOB.run, training=replace(JOB.run.training, threads=2))
    attack, evaluation = (replace(part, threads=2) for part in (small.ATTACK, small.EVALUATION))
    assert is_done(whole, replace(JOB, run=run, attacks=(attack,), evaluation=evaluation))


@pytest.mark.parametrize(
    "lost", ["model.safetensors", f"attacks/{small.SUITE}/summary.json", "evaluation/config.toml"]
)
def test_an_incomplete_step_is_not_done(whole, lost, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / lost).unlink()
    assert not is_done(tmp_path / "run", JOB)
    carry_out(tmp_path / "run", JOB, small.silent, small.never)
    assert small.made(tmp_path / "run") == small.made(whole)


def test_a_killed_evaluation_leaves_no_settings_of_other_numbers(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    job = replace(JOB, attacks=())
    carry_out(folder, job, small.silent, small.never)
    other = replace(job, evaluation=replace(small.EVALUATION, images=10))
    with monkeypatch.context() as patch:
        patch.setattr("seatbelt_vae.evaluation.evaluation_folder.write_json", killed)
        with pytest.raises(SystemExit):
            carry_out(folder, other, small.silent, small.never)
    assert not is_done(folder, job)
    assert not is_done(folder, other)
    carry_out(folder, job, small.silent, small.never)
    assert RunFolder.open(folder).read_json("evaluation/measures.json")["images"] == 20


def killed(*_):
    raise SystemExit


def test_invalid_settings_leave_no_folder(tmp_path):
    with pytest.raises(ConfigError, match="batch_size 1000 is more than the 600 training images"):
        carry_out(tmp_path / "run", small.job(batch_size=1000), small.silent, small.never)
    assert not (tmp_path / "run").exists()


def test_other_settings_in_the_folder_are_refused(whole):
    with pytest.raises(ForeignStateError) as caught:
        carry_out(whole, small.job(seed=1), small.silent, small.never)
    assert str(caught.value) == (
        f"{whole} holds a run with other settings: give another folder, or move it away"
    )
    other = replace(JOB, attacks=(replace(small.ATTACK, pairs=2),))
    with pytest.raises(ForeignStateError, match="holds a suite with another config, pairs"):
        carry_out(whole, other, small.silent, small.never)


@pytest.mark.parametrize("left", [".run.json.77.tmp", ".config.toml.77.tmp", "config.toml"])
def test_a_run_killed_while_creating_its_folder_starts_again(left, tmp_path):
    job = small.trained_only(JOB)
    folder = tmp_path / "run"
    folder.mkdir()
    whole = left == "config.toml"
    (folder / left).write_text(dump_toml(job.run.stored) if whole else "half")
    carry_out(folder, job, small.silent, small.never)
    assert is_done(folder, job)


def test_a_job_waits_for_another_process_in_its_folder(tmp_path):
    told = []
    with held(tmp_path) as release:

        def tell(what, *_):
            told.append(what)
            if len(told) == 2:
                release.set()

        carry_out(tmp_path / "run", small.trained_only(JOB), tell, small.never)
    assert told[:2] == ["waiting for another process"] * 2
    assert "training" in told


def test_waiting_can_be_interrupted(tmp_path):
    with held(tmp_path), pytest.raises(KeyboardInterrupt):
        carry_out(tmp_path / "run", JOB, small.silent, lambda: True)
    assert not (tmp_path / "run").exists()
