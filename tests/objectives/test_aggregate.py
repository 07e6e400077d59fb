"""The aggregate posterior: exact with one layer, a bracket of the known value with two."""

import itertools
import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from seatbelt_vae.distributions import Normal
from seatbelt_vae.objectives import AggregatePosterior, Bracket
from tests.generators import generator_of


class Chains:
    """z¹ ~ N(μₙ, s₁²), z² ~ N(z¹, s₂²): along a chain q(z²|z¹) is known, and so is q(z²|x)."""

    def __init__(self, images: int, units: int, below: float, top: float) -> None:
        self.mean = torch.randn(images, units, generator=generator_of(1), dtype=torch.float64)
        self.below, self.top = below, top
        self.asked: list[int] = []

    def draw(self, chain: int) -> Normal:
        noise = torch.randn(self.mean.shape, generator=generator_of(2, chain), dtype=torch.float64)
        return self._normal(self.mean + self.below * noise, self.top)

    def __call__(self, chain: int) -> Iterator[tuple[int, Normal]]:
        self.asked.append(chain)
        q = self.draw(chain)
        for first in range(0, len(q.mean), 7):
            part = slice(first, first + 7)
            yield first, Normal(q.mean[part], q.log_variance[part])

    def marginal(self) -> Normal:
        """q(z²|x), the chain integrated out."""
        return self._normal(self.mean, math.hypot(self.below, self.top))

    def queries(self, position: Tensor) -> tuple[Tensor, Normal]:
        """Draws of z² through independent chains, and the conditionals of the last step."""
        draws = generator_of(3)
        noise = torch.randn(
            2, len(position), self.mean.shape[1], generator=draws, dtype=torch.float64
        )
        own = self._normal(self.mean[position] + self.below * noise[0], self.top)
        return own.sample(noise[1]), own

    @staticmethod
    def _normal(mean: Tensor, std: float) -> Normal:
        return Normal(mean, torch.full_like(mean, 2 * math.log(std)))


def mixture(z: Tensor, q: Normal) -> tuple[Tensor, Tensor]:
    """log q(z) and Σ_j log q(z_j) under the uniform mixture, by plain products."""
    units = q.log_prob_units(z[:, None]).exp()
    return units.prod(-1).mean(1).log(), units.mean(1).log().sum(-1)


POSITIONS = torch.tensor([3, 0, 15, 19, 3, 7, 8])


def test_one_layer_is_exact() -> None:
    chains = Chains(20, 3, 0.0, 0.4)
    z, own = chains.queries(POSITIONS)
    found = AggregatePosterior(chains, 20, exact=True).measure(z, own, POSITIONS)
    joint, marginals = mixture(z, chains.marginal())
    tc, information = (joint - marginals).mean().item(), (own.log_prob(z) - joint).mean().item()
    for bracket, truth in ((found.total_correlation, tc), (found.mutual_information, information)):
        assert (bracket.lower, bracket.upper) == pytest.approx((truth, truth), abs=1e-12)
        assert bracket.width == 0
        assert bracket.chains == 1
    assert (found.images, found.queries) == (20, 7)
    assert chains.asked == [0]


def test_mutual_information_is_no_more_than_the_images_can_tell() -> None:
    everyone = torch.arange(50).repeat(4)
    for top, nearly_all in ((1e-4, True), (0.5, False)):
        chains = Chains(50, 3, 0.0, top)
        z, own = chains.queries(everyone)
        found = AggregatePosterior(chains, 50, exact=True).measure(z, own, everyone)
        information = found.mutual_information.upper
        assert 0 <= information <= math.log(50) + 1e-12
        assert (information > math.log(50) - 1e-6) == nearly_all


def test_equal_posteriors_have_no_mutual_information() -> None:
    chains = Chains(20, 3, 0.0, 0.4)
    chains.mean = torch.zeros_like(chains.mean)
    z, own = chains.queries(POSITIONS)
    found = AggregatePosterior(chains, 20, exact=True).measure(z, own, POSITIONS)
    assert found.total_correlation.upper == pytest.approx(0, abs=1e-12)
    assert found.mutual_information.upper == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_bounds_follow_their_definition(count: int) -> None:
    """Independent chains per image; the upper density replaces one by the query's own."""
    chains = Chains(20, 3, 0.6, 0.4)
    z, own = chains.queries(POSITIONS)
    found = AggregatePosterior(chains, 20, exact=False).measure(z, own, POSITIONS, count)
    drawn = [chains.draw(chain) for chain in range(count)]
    mean = torch.stack([q.mean for q in drawn])
    joints, marginals = torch.empty(2, 2, len(z), dtype=torch.float64).unbind()
    for k, position in enumerate(POSITIONS):
        for end, kept in enumerate((mean[0, position], own.mean[k])):
            means = mean.clone()
            means[0, position] = kept
            components = Chains._normal(means.flatten(0, 1), chains.top)
            joints[end, k], marginals[end, k] = (v[0] for v in mixture(z[k, None], components))
    tc, information = found.total_correlation, found.mutual_information
    assert tc.lower == pytest.approx((joints[0] - marginals[1]).mean().item(), abs=1e-10)
    assert tc.upper == pytest.approx((joints[1] - marginals[0]).mean().item(), abs=1e-10)
    own_density = own.log_prob(z)
    assert information.lower == pytest.approx((own_density - joints[1]).mean().item(), abs=1e-10)
    assert information.upper == pytest.approx((own_density - joints[0]).mean().item(), abs=1e-10)
    assert tc.chains == information.chains == count


@pytest.mark.parametrize(("units", "below", "top"), [(4, 1.0, 0.1), (10, 1.0, 0.3), (4, 0.5, 0.3)])
def test_the_bracket_contains_the_known_value_and_shrinks(
    units: int, below: float, top: float
) -> None:
    images = 60
    chains, everyone = Chains(images, units, below, top), torch.arange(images)
    z, own = chains.queries(everyone)
    joint, marginals = mixture(z, chains.marginal())
    tc, information = (joint - marginals).mean().item(), (own.log_prob(z) - joint).mean().item()
    widths = []
    for count in (1, 8, 64):
        found = AggregatePosterior(chains, images, exact=False).measure(z, own, everyone, count)
        assert found.total_correlation.lower < tc < found.total_correlation.upper
        assert found.mutual_information.lower < information < found.mutual_information.upper
        widths.append((found.total_correlation.width, found.mutual_information.width))
    for wide, narrow in itertools.pairwise(widths):
        assert wide[0] > narrow[0]
        assert wide[1] > narrow[1]


def test_chains_double_until_the_bracket_is_narrow() -> None:
    chains = Chains(20, 2, 0.3, 0.5)
    z, own = chains.queries(POSITIONS)
    found = AggregatePosterior(chains, 20, exact=False).measure(z, own, POSITIONS)
    bracket = found.total_correlation
    assert bracket.width < 0.5
    assert math.log2(bracket.chains).is_integer()
    assert 8 <= bracket.chains < 512
    assert chains.asked == list(range(bracket.chains))
    if bracket.chains > 8:
        half = bracket.chains // 2
        before = AggregatePosterior(chains, 20, exact=False).measure(z, own, POSITIONS, half)
        assert before.total_correlation.width >= 0.5


def test_small_tiles_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    chains = Chains(20, 3, 0.6, 0.4)
    z, own = chains.queries(POSITIONS)
    posterior = AggregatePosterior(chains, 20, exact=False)
    whole = posterior.measure(z, own, POSITIONS, 4)
    monkeypatch.setattr("seatbelt_vae.objectives.mixtures.tiles._TILE_ELEMENTS", 50)
    tiled = posterior.measure(z, own, POSITIONS, 4)
    for name in ("total_correlation", "mutual_information"):
        one, other = getattr(whole, name), getattr(tiled, name)
        assert (one.lower, one.upper) == pytest.approx((other.lower, other.upper), abs=1e-10)


def test_float32_queries_are_measured_in_float64() -> None:
    chains = Chains(20, 3, 0.0, 1e-3)
    z, own = (chains.queries(POSITIONS)[0].float(), chains.queries(POSITIONS)[1])
    found = AggregatePosterior(chains, 20, exact=True).measure(z, own, POSITIONS)
    joint, marginals = mixture(z.double(), chains.marginal())
    assert found.total_correlation.lower == pytest.approx((joint - marginals).mean().item())


def test_the_width_of_a_bracket_is_the_difference_of_its_bounds() -> None:
    assert Bracket(lower=-1.0, upper=2.5, chains=8, error=0.1).width == 3.5
