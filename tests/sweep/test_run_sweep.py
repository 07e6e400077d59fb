"""Sweeps: folders, skipped steps, shared labels and failures."""

from dataclasses import replace
from pathlib import Path

import pytest

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.sweep import JobsDone, run_sweep
from seatbelt_vae.workflow import folder_name
from tests.sweep import small

SHORT = {
    seed: small.trained_only(small.job(seed=seed, steps=2, checkpoint_every=2)) for seed in range(3)
}
ATTACKED = replace(SHORT[0], attacks=(small.ATTACK,))


@pytest.fixture
def here() -> small.Here:
    """An engine that records the labels it has run."""
    return small.Here([])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_every_job_has_a_folder_and_runs_once(here: small.Here, tmp_path: Path) -> None:
    jobs = {"a": SHORT[0], "b": SHORT[1]}
    told: list[JobsDone] = []
    first = run_sweep(tmp_path / "new" / "grid", jobs, engine=here, on_jobs=told.append)
    assert first.failures == {}
    assert {label: run.path for label, run in first.runs.items()} == {
        label: tmp_path / "new" / "grid" / folder_name(label, job) for label, job in jobs.items()
    }
    assert names(tmp_path / "new" / "grid") == {folder_name(*item) for item in jobs.items()}
    assert told == [JobsDone(0, 0, 2), JobsDone(1, 0, 2, "a"), JobsDone(2, 0, 2, "b")]
    told.clear()
    again = run_sweep(tmp_path / "new" / "grid", jobs, engine=here, on_jobs=told.append)
    assert here.did == ["a", "b"]
    assert again == first
    assert told == [JobsDone(2, 0, 2)]


def test_a_failed_job_stops_no_other_and_is_run_again(here: small.Here, tmp_path: Path) -> None:
    impossible = small.trained_only(small.job(batch_size=1000))
    jobs = {"bad": impossible, "good": SHORT[0], "also": impossible}
    told: list[JobsDone] = []
    result = run_sweep(tmp_path, jobs, engine=here, on_jobs=told.append)
    assert list(result.runs) == ["good"]
    assert list(result.failures) == ["bad", "also"]
    assert result.failures["also"].startswith("batch_size 1000 is more than the 600")
    assert told[-1] == JobsDone(1, 1, 2, "good")
    assert names(tmp_path) == {folder_name("good", SHORT[0])}
    run_sweep(tmp_path, jobs, engine=here)
    assert here.did == ["bad", "good", "bad"]


def test_labels_of_one_digest_are_one_job(here: small.Here, tmp_path: Path) -> None:
    other = replace(small.ATTACK, loss="latent-w2")
    evaluated = replace(SHORT[0], attacks=(other, small.ATTACK), evaluation=small.EVALUATION)
    jobs = {"first": SHORT[0], "other": SHORT[1], "second": ATTACKED, "third": evaluated}
    result = run_sweep(tmp_path, jobs, engine=here)
    assert here.did == ["first", "other"]
    run = RunFolder(tmp_path / folder_name("first", SHORT[0]))
    assert [result.runs[label] for label in ("first", "second", "third")] == [run] * 3
    assert names(run.path / "attacks") == {small.SUITE, "latent-w2-strong"}
    assert (run.path / "evaluation" / "measures.json").exists()


def test_the_digest_finds_a_run_under_another_label(here: small.Here, tmp_path: Path) -> None:
    run_sweep(tmp_path, {"beta=1": SHORT[0]}, engine=here)
    grown = {"beta=1_seed=0": ATTACKED, "beta=1_seed=1": SHORT[1]}
    result = run_sweep(tmp_path, grown, engine=here)
    kept = tmp_path / folder_name("beta=1", SHORT[0])
    assert result.runs["beta=1_seed=0"] == RunFolder(kept)
    assert (kept / "attacks" / small.SUITE / "summary.json").exists()
    assert len(names(tmp_path)) == 2
    weights = (kept / "model.safetensors").stat().st_mtime_ns
    assert weights < (kept / "attempts.json").stat().st_mtime_ns


def test_a_folder_whose_settings_were_changed_is_a_failure(
    here: small.Here, tmp_path: Path
) -> None:
    jobs = {"a": SHORT[0], "b": SHORT[1]}
    done = run_sweep(tmp_path, jobs, engine=here).runs
    settings = done["a"].path / "config.toml"
    settings.write_text(settings.read_text().replace("seed = 0", "seed = 7"))
    (done["b"].path / "config.toml").write_text("half a file")
    failures = run_sweep(tmp_path, jobs, engine=here).failures
    assert failures["a"] == (
        f"{done['a'].path} holds a run with other settings: give another folder, or move it away"
    )
    assert failures["b"].startswith(f"{done['b'].path}/config.toml is not valid TOML")


@pytest.mark.parametrize("label", ["", "a/b", ".hidden"])
def test_labels_that_name_no_folder_are_refused(
    label: str, here: small.Here, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        run_sweep(tmp_path / "grid", {"a": SHORT[0], label: SHORT[1]}, engine=here)
    assert str(caught.value) == (
        f"label {label!r} cannot name a folder: expected no / in it, and no . at its start"
    )
    assert not (tmp_path / "grid").exists()


def test_conflicting_suites_or_evaluations_of_one_run_are_refused(
    here: small.Here, tmp_path: Path
) -> None:
    fewer = replace(ATTACKED, attacks=(replace(small.ATTACK, pairs=2),))
    with pytest.raises(ConfigError) as caught:
        run_sweep(tmp_path / "grid", {"a": ATTACKED, "b": fewer}, engine=here)
    assert str(caught.value).startswith(
        "a and b are the same run, and two attacks have the name 'latent-kl-strong'"
    )
    one, other = (
        replace(SHORT[0], evaluation=replace(small.EVALUATION, images=images)) for images in (9, 8)
    )
    with pytest.raises(ConfigError) as caught:
        run_sweep(tmp_path / "grid", {"a": one, "b": other}, engine=here)
    assert str(caught.value) == (
        "a and b are the same run with different evaluations, and a run holds one: give both the "
        "same evaluation"
    )
    assert here.did == []
    assert not (tmp_path / "grid").exists()
