"""The flags of a measured suite: raised in their cases, and not otherwise."""

import torch
from tests.evaluation.stand_ins import SHAPE, VARIANCE, LinearAutoencoder, attack_rows

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.distributions import NormalImage
from seatbelt_vae.evaluation.measured_flags import measured_flags
from seatbelt_vae.evaluation.robustness import measure_pair
from seatbelt_vae.evaluation.suite_summary import pair_row

CALM = {"gap": 0.5, "gap_sampled": 0.55, "told_apart": True}


def raised(rows, pairs, budgets=()):
    return {flag.name for flag in measured_flags([rows], pairs, [budgets]) if flag.raised}


def test_agreeing_paths_and_pairs_told_apart_raise_nothing():
    assert raised([CALM], [{"told_apart": True}]) == set()


def test_paths_that_differ_are_flagged_whichever_is_larger():
    for other in (0.2, 0.8):
        assert raised([CALM | {"gap_sampled": other}], [{"told_apart": True}]) == {"paths differ"}


def test_points_of_budgets_count_among_the_gaps_of_both_paths():
    assert raised([CALM], [{"told_apart": True}], [CALM]) == set()
    far = CALM | {"gap_sampled": 0.8}
    assert raised([CALM], [{"told_apart": True}], [far]) == {"paths differ"}


def test_a_gap_that_new_starts_lower_is_flagged_by_the_worst_pair():
    pairs = [{"told_apart": True}]
    for fall, expected in ((0.029, set()), (0.031, {"gap not converged"})):
        rows = [CALM, CALM | {"unconverged": 0.0}, CALM | {"unconverged": fall}]
        assert raised([CALM], pairs, rows) == expected
    apart = [CALM | {"unconverged": 0.5, "told_apart": False}]
    assert raised([CALM], pairs, apart) == set()


def test_suites_of_older_versions_are_not_checked():
    old = {"gap": 0.5, "told_apart": True}
    flags = {flag.name: flag for flag in measured_flags([[CALM]], [{"told_apart": True}], [[old]])}
    found = flags["gap not converged"]
    assert (found.raised, found.detail) == (False, "not checked under these settings")


def test_a_pair_not_told_apart_is_flagged_and_its_gaps_do_not_count():
    rows = [CALM, {"gap": 0.1, "gap_sampled": 0.9, "told_apart": False}]
    flags = measured_flags([rows], [{"told_apart": True}, {"told_apart": False}])
    assert [flag.raised for flag in flags] == [False, False, True]
    assert flags[2].value == 0.5
    assert flags[2].detail == "1 of 2 pairs"


def test_undefined_gaps_are_left_out():
    rows = [{"gap": None, "gap_sampled": None, "told_apart": True}]
    assert raised(rows, [{"told_apart": True}]) == set()


class Cliff(LinearAutoencoder):
    """A decoder with a step at z = 0, and codes as wide as their distance to the step."""

    def decode(self, z):
        image = (50 * z[0]).tanh() @ self.decoder.T
        return NormalImage(image.reshape(*image.shape[:-1], *SHAPE), VARIANCE)


def measured(model):
    """The flags of an attack with a code just beyond 0, on the side of the target."""
    pixels = torch.ones(SHAPE[1] * SHAPE[2], dtype=torch.float64) / 256
    model = model(pixels[None], pixels[:, None] * 256, std=1.0)
    x, target, star = (torch.full(SHAPE, value).double() for value in (-0.9, 0.9, 0.05))
    rows = attack_rows(0, 1)
    found = measure_pair(model, x, target, star[None], rows, AttackConfig(fresh_draws=64))
    return raised([found.rows[0]], [pair_row(rows, found)])


def test_a_step_near_the_mean_path_is_flagged_and_a_slope_is_not():
    assert measured(Cliff) == {"paths differ"}
    assert measured(LinearAutoencoder) == set()


def test_a_model_that_ignores_its_input_does_not_tell_pairs_apart():
    def deaf(encoder, decoder, std):
        return LinearAutoencoder(0 * encoder, decoder, std)

    assert measured(deaf) == {"pairs not told apart"}
