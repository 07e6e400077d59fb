"""The terms of the ELBO and their stored names."""

import pytest
import torch

from seatbelt_vae.objectives import Terms, elbo_units
from seatbelt_vae.objectives.elbo import active
from seatbelt_vae.protocol import draw_noise
from tests.exact.linear_gaussian import CHAINS, image
from tests.generators import generator_of


def terms(**penalties: torch.Tensor) -> Terms:
    one, two, three, four, five, six = torch.arange(6.0)
    return Terms(
        objective=one,
        elbo=two,
        log_likelihood=three,
        divergences=(four, five),
        penalties=penalties,
        floored=six,
        units=(torch.tensor([0.5, 0.011, 0.01]), torch.tensor([0.0, -1.0])),
        code=torch.zeros(2, 3),
    )


def test_terms_are_named_bottom_layer_first() -> None:
    named = {
        name: value.item()
        for name, value in terms(total_correlation=torch.tensor(9.0)).named().items()
    }
    assert named == {
        "objective": 0,
        "elbo": 1,
        "log_likelihood": 2,
        "divergence_1": 3,
        "divergence_2": 4,
        "total_correlation": 9,
        "floored": 5,
    }


def test_draws_are_more_rows() -> None:
    chain = CHAINS[3].with_wrong_encoder()
    x = image(0.4, 5)
    noise = draw_noise((1, 1, 1), (4, 5), generator_of(0), like=x)
    likelihoods, units, posterior = elbo_units(chain, x, noise)
    assert likelihoods.shape == (4, 5)
    assert posterior.z[0].shape == (4, 5, 1)
    for draw in range(4):
        alone, units_alone, _ = elbo_units(chain, x, [n[draw] for n in noise])
        assert torch.allclose(likelihoods[draw], alone, rtol=1e-14)
        for many, one in zip(units, units_alone, strict=True):
            assert many.shape == (4, 5, 1)
            assert torch.allclose(many[draw], one, rtol=1e-13)


def test_a_unit_is_active_above_a_hundredth_of_a_nat() -> None:
    assert terms().active_units() == [2, 0]


@pytest.mark.parametrize(
    ("units", "group", "expected"),
    [
        ([0.125, 0.134, 0.136], "unit", [False, False, True]),
        ([0.0625, 0.0625, 0.0], "layer", [False, False, False]),
        ([0.130, 0.006, 0.0], "layer", [True, False, False]),
        ([0.08, 0.08, -0.03], "layer", [False, False, False]),
    ],
)
def test_activity_is_measured_above_the_free_bits_floor(
    units: list[float], group: str, expected: list[bool]
) -> None:
    assert active(torch.tensor(units), 0.125, group).tolist() == expected
