"""A reproduction that is continued from its exported rows, without the run folders."""

import shutil
from dataclasses import replace

import pytest

from seatbelt_vae.errors import SeatbeltError
from seatbelt_vae.paper.defence_sizes import DEFENCE_SIZES
from seatbelt_vae.paper.experiment_jobs import plan
from seatbelt_vae.paper.experiments import DEFENCES, EXPERIMENTS
from seatbelt_vae.paper.members import MemberRun, keys_of_plan, settings_of
from seatbelt_vae.paper.reproduce import reproduce
from seatbelt_vae.paper.requested_models import RequestedModels
from seatbelt_vae.paper.sizes import SIZES
from seatbelt_vae.paper.stored_rows import stored_runs
from seatbelt_vae.results import Store
from seatbelt_vae.results.exports import copy_runs
from seatbelt_vae.runs import write_rows
from seatbelt_vae.sweep import LocalEngine

SMOKE = SIZES["smoke"]
POINTS = EXPERIMENTS["figA7"]
DEFENDED = plan([DEFENCES], DEFENCE_SIZES["smoke"])
NOTHING = plan([], DEFENCE_SIZES["smoke"])
KEYS = keys_of_plan(DEFENDED)
HARDENED, SOURCE = next(iter(DEFENDED.sources.items()))


class Counted(LocalEngine):
    """An engine that lists the jobs it runs."""

    def __init__(self, started):
        super().__init__()
        object.__setattr__(self, "started", started)

    def run(self, tasks, *calls):
        self.started.extend(tasks)
        return super().run(tasks, *calls)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduced") / "out"
    reproduce([POINTS], SMOKE, folder)
    return folder


@pytest.fixture
def out(made, tmp_path):
    """The results without the run folders, as in another checkout."""
    return shutil.copytree(made, tmp_path / "out", ignore=shutil.ignore_patterns("runs"))


def rows(out):
    """The sorted rows of every view, without measured times."""
    store = Store.open([out / "rows"])
    times = {"training_s", "step_s", "images_per_s", "seconds"}
    found = {view: store.query(f"SELECT * FROM {view}").to_pylist() for view in store.views}
    return {
        view: sorted(str({n: v for n, v in row.items() if n not in times}) for row in of_view)
        for view, of_view in found.items()
    }


def test_finished_models_are_not_made_again(out):
    started, before, page = [], rows(out), (out / "reproduction.html").read_bytes()
    for _ in range(2):
        reproduce([POINTS], SMOKE, out, engine=Counted(started))
        assert rows(out) == before
        assert (out / "reproduction.html").read_bytes() == page
    assert started == []
    assert not list(out.glob("runs/*/*"))
    assert not list(out.glob(".rows*"))


def test_a_model_without_rows_is_made(out):
    started, whole = [], rows(out)
    names = Store.open([out / "rows"]).query("SELECT run FROM runs")["run"].to_pylist()
    lost, *others = names
    (out / "rows").rename(out / "whole")
    copy_runs(out / "whole", others, out / "rows")
    reproduce([POINTS], SMOKE, out, engine=Counted(started))
    assert [f"{label}-" for label in started] == [lost[: -len("00000000")]]
    assert [path.name for path in out.glob("runs/*/")] == [lost]
    assert rows(out) == whole


def test_finished_models_alone_are_shown_on_request(made, tmp_path):
    out, started = shutil.copytree(made, tmp_path / "out"), []
    whole = rows(out)
    lost, *others = sorted(out.glob("runs/*/"))
    for path in lost.iterdir():  # leave the files of a training that has begun
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("run.json", "config.toml", "model.json"):
            path.unlink()
    shutil.rmtree(out / "rows")
    found = reproduce([POINTS], SMOKE, out, engine=Counted(started), finished_only=True)
    assert (started, found.failures) == ([], {})
    assert len(rows(out)["runs"]) == len(whole["runs"]) - 1 == len(others)
    page = (out / "reproduction.html").read_text()
    assert "Not finished: 1 models.</strong> without --finished the same command goes on" in page
    reproduce([POINTS], SMOKE, out, engine=Counted(started))
    assert started == [lost.name[: -len("-00000000")]]
    assert rows(out) == whole
    assert "Not finished" not in (out / "reproduction.html").read_text()


def test_without_a_finished_model_the_error_says_what_to_do(tmp_path):
    with pytest.raises(SeatbeltError) as caught:
        reproduce([POINTS], SMOKE, tmp_path / "out", finished_only=True)
    assert str(caught.value) == "no model is finished: leave --finished out to make them"


def test_rows_of_other_settings_are_not_kept(out):
    started = []
    other = replace(SMOKE, evaluation=replace(SMOKE.evaluation, images=9))
    reproduce([POINTS], other, out, engine=Counted(started))
    members = Store.open([out / "rows"]).query("FROM members").to_pylist()
    assert len(started) == len(members) == len(list(out.glob("runs/*/")))


def test_a_gate_trains_unpenalised_models_alone_and_tells_what_can_be_tested(tmp_path):
    started, ablation = [], EXPERIMENTS["ablation"]
    whole = plan([ablation], SMOKE)
    found = reproduce([ablation], SMOKE, tmp_path, engine=Counted(started), gate=True)
    unpenalised = {label for label in whole.jobs if "beta1-" in label}
    assert set(started) == unpenalised
    assert len(unpenalised) == len(whole.jobs) / 2 == 2
    (answer,) = found.answers
    assert (answer.claim.id, answer.verdict) == ("C12", "not testable at this size")
    assert answer.effects == {}
    page = (tmp_path / "reproduction.html").read_text()
    assert "Not finished: 2 models.</strong> only the unpenalised ones were asked for" in page
    assert page.count("Nothing to draw: no model of this experiment is attacked") == 1
    assert page.count("Nothing to draw") == 1
    assert "reproduce ablation --size smoke --gate" in page
    assert not list(tmp_path.glob("runs/*/attacks/*"))
    # the whole reproduction goes on with the trained models, and attacks all of them
    left = RequestedModels.of([ablation], SMOKE, tmp_path, None).left
    assert left.jobs.keys() == whole.jobs.keys()
    assert all(job.attacks for job in left.jobs.values())


def test_a_gate_keeps_the_rows_of_a_finished_reproduction(out):
    before, started = rows(out), []
    reproduce([POINTS], SMOKE, out, engine=Counted(started), gate=True)
    assert (started, rows(out)) == ([], before)
    assert "Not finished" not in (out / "reproduction.html").read_text()


def test_rows_of_a_gate_stay_beside_an_experiment_that_lacks_attacks(tmp_path):
    ablation, figure, started = EXPERIMENTS["ablation"], EXPERIMENTS["figD8"], []
    reproduce([ablation], SMOKE, tmp_path, gate=True)
    gate = rows(tmp_path)["members"]
    shutil.rmtree(tmp_path / "runs")
    # figD8 asks for attacks on one of the models, which the stored rows do not have
    (answer,) = reproduce(
        [figure], SMOKE, tmp_path, engine=Counted(started), finished_only=True
    ).answers
    assert (answer.claim.id, answer.verdict) == ("C12", "not testable at this size")
    assert (started, rows(tmp_path)["members"]) == ([], gate)
    shared = plan([ablation], SMOKE).gate.jobs.keys() & plan([figure], SMOKE).jobs.keys()
    assert shared
    left = RequestedModels.of([figure], SMOKE, tmp_path, None).left
    assert shared <= left.jobs.keys()


def write_members(folder, *, without=(), keys=KEYS, shorten=0):
    """The view of the defences at size smoke, as an export has it."""
    found = []
    for label, job in DEFENDED.jobs.items():
        if label not in without:
            settings = settings_of(keys[label], job)
            roles = tuple((p.experiment, p.series) for p in DEFENDED.parts if p.label == label)
            run = MemberRun(settings[: len(settings) - shorten], roles, 1.5)
            found += [{"run": f"{label}-0", **row} for row in run.rows]
    folder.mkdir()
    write_rows(folder / "members.parquet", found)
    return folder


def test_every_row_keeps_its_role(tmp_path):
    stored = stored_runs(write_members(tmp_path / "rows"), DEFENDED, NOTHING, KEYS, set())
    assert stored.names == {label: f"{label}-0" for label in DEFENDED.jobs}
    assert stored.parts == set(DEFENDED.parts)
    assert {run.training_s for run in stored.members.values()} == {1.5}


def test_a_run_folder_prevails(tmp_path):
    folder = write_members(tmp_path / "rows")
    stored = stored_runs(folder, DEFENDED, NOTHING, KEYS, {KEYS[SOURCE]})
    assert DEFENDED.jobs.keys() - stored.names.keys() == {SOURCE}


def test_fewer_attacks_or_measures_are_not_enough(tmp_path):
    folder = write_members(tmp_path / "rows", shorten=1)
    assert not stored_runs(folder, DEFENDED, NOTHING, KEYS, set()).names
    # nothing tells these settings from the wanted ones where the images are not here
    elsewhere = DEFENDED.without(DEFENDED.jobs)
    assert stored_runs(folder, elsewhere, NOTHING, KEYS, set()).parts == set(DEFENDED.parts)


def test_rows_without_settings_are_not_kept(tmp_path):
    (tmp_path / "rows").mkdir()
    rows = [{"run": "a", "experiment": p.experiment, "series": p.series} for p in DEFENDED.parts]
    write_rows(tmp_path / "rows" / "members.parquet", rows)
    assert not stored_runs(tmp_path / "rows", DEFENDED, NOTHING, KEYS, set()).names


@pytest.mark.parametrize("lost", [HARDENED, SOURCE])
def test_a_source_is_trained_if_its_hardening_is_not_stored(tmp_path, lost):
    write_members(tmp_path / "rows", without=(lost,))
    asked = RequestedModels.of([DEFENCES], DEFENCE_SIZES["smoke"], tmp_path, None)
    assert asked.left.jobs.keys() == {lost, SOURCE}
    # its rows are kept until it is made again
    assert DEFENDED.jobs.keys() - asked.stored.names.keys() == {lost}
    assert DEFENDED.jobs.keys() - asked.after([SOURCE]).stored.names.keys() == {lost, SOURCE}


def test_the_key_is_that_of_the_model_alone():
    assert len(set(KEYS.values())) == len(DEFENDED.jobs)
    elsewhere = plan([DEFENCES], DEFENCE_SIZES["smoke"], {"faces": "/somewhere"})
    assert keys_of_plan(elsewhere) == KEYS
    (job, *_) = DEFENDED.jobs.values()
    (attack,), evaluation = job.attacks, job.evaluation
    changed = [
        replace(job, attacks=(replace(attack, pairs=attack.pairs + 1),)),
        replace(job, evaluation=replace(evaluation, images=evaluation.images + 1)),
        replace(job, evaluation=replace(evaluation, optional_metrics=("codes",))),
    ]
    own = {*settings_of("key", job)}
    assert all(not {*settings_of("key", other)} <= own for other in changed)
    more = replace(attack, threads=3)
    assert settings_of("key", replace(job, attacks=(more,))) == settings_of("key", job)
