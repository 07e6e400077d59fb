"""Attacks through defences at inference: a masked gradient is exposed, an honest one is not."""

from dataclasses import dataclass, replace

import pytest
import torch

from seatbelt_vae.attacks import attack, checked_attack
from seatbelt_vae.attacks.diagnostics.adaptive import adaptive_attack, gradient_sources
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.defences import StraightThrough, Wrapper, defended, with_noise
from seatbelt_vae.evaluation.budgets import matched_budgets
from seatbelt_vae.evaluation.gap import Pair
from tests.attacks.models import Linear, TwoLayers, images
from tests.auditing.planted_defences import Rounded
from tests.auditing.small_models import vae

SHORT = AttackConfig(weight_count=3, restarts=1, recheck=0, gradient_free=0, max_evaluations=60)
BUDGETED = replace(SHORT, weight_count=None, threat="l2", budgets=(0.1, 0.3))
NUMBERS = ("averaging:3", "self-denoising:1", "hmc:2", "center-smoothing:0.05")


@dataclass(frozen=True, eq=False)
class Steps(Wrapper):
    """Codes on a grid: nothing changes but the gradient, which is 0."""

    def encode(self, x, noise=None):
        """The codes of the input on a fine grid."""
        return self.inner.encode((100 * x).round() / 100, noise)


class OwnKind:
    """A defence of the user that is no `Wrapper`."""

    def __init__(self, inner):
        self.encode, self.decode, self.prior = Steps(inner).encode, inner.decode, inner.prior
        self.bounds, self.event_shape = inner.bounds, inner.event_shape
        self.latent_sizes = inner.latent_sizes


def own_kind(model):
    """The model behind `OwnKind`."""
    return OwnKind(model)


def twice(model):
    """The model behind two defences of which each masks the gradient."""
    return Steps(Rounded(model))


def pairs():
    return (torch.stack(side) for side in zip(images(1), images(2), strict=True))


def flags(checked):
    return {flag.name: flag for flag in checked.flags}


@pytest.mark.parametrize("loss", ["latent-kl", "output", "output-l2"])
@pytest.mark.parametrize("config", [SHORT, BUDGETED], ids=["penalty", "l2"])
def test_a_masked_gradient_is_exposed_by_the_undefended_model(config, loss):
    config = replace(config, loss=loss)
    plain = attack(TwoLayers(), *pairs(), config)
    alone = attack(Steps(TwoLayers()), *pairs(), config, levels=plain.levels)
    found = checked_attack(Steps(TwoLayers()), *pairs(), config, levels=plain.levels)
    assert flags(found)["transfer beats the attack"].raised
    floor = plain.problem.loss.floor[:, None]
    assert (alone.delta - floor > 1.05 * (plain.delta - floor)).any()
    assert (found.result.delta - floor <= 1.05 * (plain.delta - floor) + 1e-3).all()
    origins = {start for row in found.result.start for start in row}
    assert origins & {"undefended", "transfer", "bpda"}


@pytest.mark.parametrize("name", NUMBERS)
def test_an_honest_defence_is_not_accused(name):
    model = vae()
    x, target = torch.rand(2, 2, *model.event_shape, generator=torch.Generator().manual_seed(1))
    config = replace(BUDGETED, loss="output-l2", restarts=2, max_evaluations=100)
    found = checked_attack(defended(model, name), x, target, config)
    assert found.controlled.delta["transfer"].isfinite().all()
    assert not flags(found)["transfer beats the attack"].raised


def test_the_gradients_that_are_followed():
    model = vae()
    for name, expected in (
        ("averaging:3", ["transfer", "eot"]),
        ("self-denoising:1", ["transfer", "bpda"]),
        ("hmc:2", ["transfer", "bpda", "eot"]),
        (f"{__name__}:own_kind", ["transfer", "bpda"]),
    ):
        behind = defended(model, name)
        assert behind.undefended is model
        found = gradient_sources(behind, behind.undefended)
        assert [source.origin for source in found] == expected
        seeds = [draw.seed for source in found for draw in source.draws]
        assert seeds == ([1, 2, 3, 4] if "eot" in expected else [])


def test_noise_of_a_defence_inside_another_is_drawn_anew():
    model = defended(defended(vae(), "averaging:2"), "self-denoising:1")
    x = torch.rand(1, *model.event_shape, generator=torch.Generator().manual_seed(0))
    other = with_noise(model, 3)
    assert other.inner.seed == 3
    assert not torch.equal(model.encode(x).z[0], other.encode(x).z[0])


def test_two_masks_are_seen_through():
    x, target = pairs()
    model = defended(Linear(), f"{__name__}:twice")
    assert isinstance(model.undefended, Linear)
    config = replace(BUDGETED, loss="output-l2")
    plain = attack(Linear(), x, target, config)
    found = checked_attack(model, x, target, config)
    assert flags(found)["transfer beats the attack"].raised
    assert (found.result.delta <= 1.1 * plain.delta + 1e-3).all()


@pytest.mark.parametrize("noise", [False, True])
def test_straight_through_keeps_densities_with_the_slopes_of_the_model(noise):
    inner = TwoLayers()
    (x, target), model = pairs(), StraightThrough(inner, Steps(inner))
    drawn = [torch.randn(1, d, dtype=x.dtype) for d in inner.latent_sizes] if noise else None

    def outputs(model, x):
        posterior = model.encode(x, drawn)
        prior = model.prior(posterior.z)
        parts = [part for q in (*posterior.layers, *prior) for part in (q.mean, q.log_variance)]
        return [*parts, *posterior.z, model.decode(posterior.z).log_prob(target)]

    moved, plain = x.clone().requires_grad_(), x.clone().requires_grad_()
    found, expected = outputs(model, moved), outputs(inner, plain)
    for value, defended_value in zip(found, outputs(Steps(inner), x), strict=True):
        torch.testing.assert_close(value, defended_value)
    # all but the density are linear, with the same slopes at the rounded input
    slopes = [
        torch.autograd.grad(sum(part.sum() for part in parts[:-1]), at)[0]
        for parts, at in ((found, moved), (expected, plain))
    ]
    torch.testing.assert_close(*slopes)


def test_the_gap_within_a_budget_knows_the_undefended_model():
    x, target = pairs()
    plain, hidden = Linear(units=2), Steps(Linear(units=2))
    known = matched_budgets(plain, Pair.of(plain, x[0], target[0]), x[:1])
    found = matched_budgets(hidden, Pair.of(hidden, x[0], target[0]), x[:1])
    assert found.gap == pytest.approx(known.gap, abs=0.02)
    assert max(found.transfer_fall) > 0.05
    assert known.transfer_fall == found.fresh_gap == (None,) * len(found.epsilon)


def test_the_gap_under_fresh_noise_is_a_mean_over_draws():
    inner = vae()
    model = defended(inner, "averaging:2")
    x, target = torch.rand(2, *inner.event_shape, generator=torch.Generator().manual_seed(1))
    pair = Pair.of(model, x, target)
    found = matched_budgets(model, pair, x[None], (0.2,))
    draws = [with_noise(model, seed) for seed in range(5, 21)]
    gaps = [pair.gap(d.decode(d.encode(found.images).z).mean) for d in draws]
    assert found.fresh_gap[0] <= torch.stack(gaps).mean().item() + 1e-6
    assert found.fresh_gap[0] >= found.gap[0] - 0.05


def test_the_published_attack_keeps_its_points():
    x, target = pairs()
    config = replace(SHORT, strength="paper", weights="published", weight_count=None)
    levels, numbers = torch.tensor([1.0]), [0, 1]
    model = Steps(Linear())
    plain = attack(model, x, target, config, levels=levels, pair_numbers=numbers)
    same = adaptive_attack(model, x, target, config, levels=levels, pair_numbers=numbers)
    assert torch.equal(plain.points, same.points)
    single = replace(SHORT, strength="single")
    alone = attack(model, x, target, single, levels=levels, pair_numbers=numbers)
    known = adaptive_attack(model, x, target, single, levels=levels, pair_numbers=numbers)
    assert (known.delta < 0.9 * alone.delta).any()
