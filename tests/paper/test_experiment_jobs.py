"""The plan of the paper: models, their numbers of trainings, and the experiments of claims."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from seatbelt_vae.config.objective import resolve_objective
from seatbelt_vae.paper.claims.rank_correlation import C9
from seatbelt_vae.paper.claims.statements import CLAIMS
from seatbelt_vae.paper.experiment_jobs import plan
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.sizes import SIZES

ALL = tuple(EXPERIMENTS.values())
PUBLISHED = "fig1 fig2 fig3 fig4 fig5 fig6 table1 figA7 figD8 figE9 figE11 figF12 ablation"


def test_every_figure_and_table_is_there_in_the_order_of_the_paper():
    assert list(EXPERIMENTS) == PUBLISHED.split()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("experiment", ALL, ids=EXPERIMENTS)
def test_an_experiment_has_members_and_what_its_figures_need(experiment, size):
    members = list(experiment.members(size))
    assert members
    assert len({(m.series, m.model) for m in members}) == len(members)
    assert all(figure.query(experiment.id) for figure in experiment.figures)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_model_is_trained_once_and_attacked_by_all_who_ask(size):
    whole = plan(ALL, size)
    assert len({job.digest for job in whole.jobs.values()}) == len(whole.jobs)
    # at β = 1 there is no penalty: every preset is its plain counterpart
    plain = [label for label in whole.jobs if "-beta1-" in label]
    assert plain
    assert all("-vae-z" in label or "-hvae-" in label or "-dlgm-" in label for label in plain)
    assert not any("beta-vae" in label or "tc" in label for label in plain)
    for job in whole.jobs.values():
        strengths = Counter(attack.strength for attack in job.attacks)
        assert strengths["strong"] == strengths["paper"]
        pairs = {attack.pairs for attack in job.attacks}
        assert len(pairs) <= 1


def test_both_strengths_attack_the_same_pairs_with_penalties_of_the_published_range():
    for job in plan(ALL, SIZES["small"]).jobs.values():
        for attack in job.attacks:
            assert attack.weights == "published"
            assert attack.seed == 0


def test_what_is_asked_for_alone_is_part_of_the_whole():
    whole = plan(ALL, SIZES["small"]).jobs
    for experiment in ALL:
        for label, job in plan([experiment], SIZES["small"]).jobs.items():
            assert whole[label].run == job.run
            assert set(job.attacks) <= set(whole[label].attacks)


def test_a_warm_up_is_of_the_penalties_that_a_preset_has():
    size = replace(SIZES["smoke"], warm_up=7)
    jobs = plan([EXPERIMENTS[name] for name in ("fig5", "figA7")], size).jobs.values()
    found = {
        job.run.model.preset: (job.run.objective.kl_warm_up, job.run.objective.tc_warm_up)
        for job in jobs
        if job.run.data.name != "swiss-roll"
    }
    assert found == {"vae": (7, 0), "hvae": (7, 0), "beta-tcvae": (7, 7), "seatbelt": (7, 7)}
    points = [job.run.objective for job in jobs if job.run.data.name == "swiss-roll"]
    assert points
    assert all(objective.kl_warm_up == objective.tc_warm_up == 0 for objective in points)
    for job in jobs:
        resolve_objective(job.run.objective, job.run.model.preset, 1)


def test_rows_are_pairs_times_weights():
    whole = plan([EXPERIMENTS["fig1"]], SIZES["small"])
    attack = SIZES["small"].attack
    assert whole.rows == 3 * attack.pairs * attack.weight_count


def test_roots_reach_the_sets_they_are_of():
    whole = plan([EXPERIMENTS["table1"]], SIZES["smoke"], {"fashion-mnist": "here"})
    assert {job.run.data.root for job in whole.jobs.values()} == {"here"}


@pytest.mark.parametrize("claim", [*CLAIMS, C9], ids=lambda claim: claim.id)
def test_a_claim_rests_on_experiments_that_know_it(claim):
    for contrast in claim.contrasts:
        assert claim.id in EXPERIMENTS[contrast.experiment].claims
    asked = {contrast.experiment for contrast in claim.contrasts}
    assert asked == {e.id for e in ALL if claim.id in e.claims}


@pytest.mark.parametrize("size", ["small", "paper"])
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_enough_trainings_stand_behind_every_claim(claim, size):
    for contrast in claim.contrasts:
        trainings = {}
        members = list(EXPERIMENTS[contrast.experiment].members(SIZES[size]))
        for term in contrast.terms:
            seeds = defaultdict(set)
            for model in (m.model for m in members if m.series == term.series):
                seeds[model.data, model.beta].add(model.seed)
            assert seeds, term.series
            extreme = max if term.beta == "most" else min
            for data in {data for data, _ in seeds}:
                beta = extreme(b for d, b in seeds if d == data)
                trainings[data] = min(trainings.get(data, 99), len(seeds[data, beta]))
        assert max(trainings.values()) >= 3
