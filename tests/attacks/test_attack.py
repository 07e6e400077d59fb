"""One call for many pairs: what it accepts, what it refuses, and that pairs do not touch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seatbelt_vae.attacks import FunctionLoss, LatentLoss, attack, checked_attack
from seatbelt_vae.attacks.threats import Norms
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError, DataError, ShapeError
from tests.attacks.models import Linear, TwoLayers, images


def some(pairs, dtype=torch.float64):
    """Inputs and targets, (P, C, H, W)."""
    sides = [images(seed, dtype) for seed in range(1, pairs + 1)]
    return tuple(torch.stack(side) for side in zip(*sides, strict=True))


@pytest.mark.parametrize("threat", ["penalty", "squared-penalty", "l2", "linf"])
@pytest.mark.parametrize("loss", ["latent-kl", "latent-w2", "output", "output-l2"])
def test_every_loss_under_every_threat_keeps_what_it_promises(loss, threat):
    x, target = some(3)
    grid = {} if threat in ("l2", "linf") else {"weight_count": 4}
    config = AttackConfig(loss=loss, threat=threat, draws=3, restarts=1, max_evaluations=40, **grid)
    result = attack(TwoLayers(), x, target, config)
    assert result.levels.shape == result.delta.shape == (3, 5 if not grid else 4)
    assert not result.exceeds_bound.any()
    assert (result.adversarial.abs() <= 5).all()
    distortion = (result.adversarial - x[:, None]).flatten(2)
    r, levels = result.divergence, result.levels
    expected = {
        "penalty": lambda: r + levels * distortion.norm(dim=2),
        "squared-penalty": lambda: r + levels * distortion.square().sum(2),
        "l2": lambda: torch.where(distortion.norm(dim=2) <= levels * (1 + 1e-6), r, torch.inf),
        "linf": lambda: torch.where(distortion.abs().amax(2) <= levels * (1 + 1e-6), r, torch.inf),
    }[threat]()
    torch.testing.assert_close(result.delta, expected)
    change = result.delta.diff(dim=1)
    assert ((change >= -1e-9) if grid else (change <= 1e-9)).all()
    assert (result.delta < result.bound - 1e-3 * result.problem.span[:, None]).any()


@pytest.mark.parametrize("loss", ["damage-posterior", "damage-reconstruction"])
@pytest.mark.parametrize("threat", ["l2", "linf"])
def test_damage_grows_with_the_budget_and_needs_no_target(loss, threat):
    x, _ = some(2)
    config = AttackConfig(loss=loss, threat=threat, budgets=(0.01, 0.1, 0.3), restarts=2)
    result = attack(TwoLayers(), x, config=config)
    assert (result.delta.diff(dim=1) < 0).all()
    assert (result.delta[:, -1] < 0).all()
    assert result.rows(0)[0]["divergence_floor"] is None
    assert result.rows(0)[0]["divergence_ratio"] is None


def test_damage_of_a_linear_model_is_known_in_closed_form():
    model, (x, _) = Linear(), some(1)
    config = AttackConfig(loss="damage-reconstruction", threat="l2", restarts=2)
    result = attack(model, x, config=config, levels=torch.tensor([0.5, 1.0]))
    largest = np.linalg.svd((model.w @ model.a).numpy())[1][0]
    np.testing.assert_allclose(-result.delta[0], largest * np.array([0.5, 1.0]), rtol=1e-3)


@pytest.mark.parametrize("solver", ["quasi-newton", "pgd"])
@pytest.mark.parametrize("threat", ["l2", "linf"])
def test_both_solvers_find_the_best_within_a_budget(solver, threat):
    """min ‖A(x + d − x_t)‖ in a ball, by an independent solver."""
    from scipy.optimize import minimize as scipy_minimize

    model, (x, target) = Linear(), some(1)
    level = 0.5 if threat == "l2" else 0.2
    config = AttackConfig(
        loss="latent-kl", threat=threat, solver=solver, restarts=1, max_evaluations=800
    )
    result = attack(model, x, target, config, levels=torch.tensor([level]))
    a, b = model.a.numpy(), (model.a @ (target - x).flatten()).numpy()
    scale = 0.5 / np.exp(model.log_variance)

    def fun(d):
        return scale * np.sum((a @ d - b) ** 2), 2 * scale * a.T @ (a @ d - b)

    if threat == "linf":
        found = scipy_minimize(
            fun, np.zeros(16), jac=True, method="L-BFGS-B", bounds=[(-level, level)] * 16
        )
    else:
        ball = {"type": "ineq", "fun": lambda d: level**2 - d @ d, "jac": lambda d: -2 * d}
        found = scipy_minimize(
            fun, np.full(16, 1e-3), jac=True, method="SLSQP", constraints=[ball], tol=1e-12
        )
    assert float(result.delta) == pytest.approx(found.fun, rel=1e-2 if solver == "pgd" else 2e-3)


def test_pairs_attacked_together_are_those_attacked_alone():
    x, target = some(3)
    for config in (
        AttackConfig(weight_count=4, restarts=2, seed=1),
        AttackConfig(loss="output", weight_count=3, restarts=1, draws=3, seed=1),
    ):
        together = attack(TwoLayers(), x, target, config)
        for pair in range(3):
            alone = attack(
                TwoLayers(), x[pair, None], target[pair, None], config, pair_numbers=[pair]
            )
            torch.testing.assert_close(alone.delta[0], together.delta[pair], rtol=1e-6, atol=1e-6)
            assert alone.start[0] == together.start[pair]


def test_same_seed_same_numbers_other_seed_others():
    x, target = some(2)
    first, again, other = (
        attack(TwoLayers(), x, target, AttackConfig(weight_count=4, restarts=2, seed=seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(first.points, again.points)
    assert not torch.equal(first.points, other.points)


def test_a_loss_of_the_users_own():
    model, (x, target) = Linear(), some(2)

    def first_unit(model, images, targets, noise):
        attacked, aimed = (model.encode(v, noise).z[0] for v in (images, targets))
        return (attacked - aimed)[..., 0].abs()

    config = AttackConfig(weight_count=3, restarts=1)
    result = attack(model, x, target, config, loss=FunctionLoss(first_unit))
    gap = ((result.adversarial - target[:, None]).flatten(2) @ model.a[0]).abs()
    torch.testing.assert_close(result.divergence, gap)
    assert not result.exceeds_bound.any()


@pytest.mark.parametrize("loss", ["latent-kl", "latent-w2", "output", "output-l2"])
def test_an_attack_on_fresh_draws_lowers_what_other_draws_show(loss):
    """Every evaluation sees noise of its own; the success is judged on noise of nobody's."""
    model, (x, target) = TwoLayers(), some(2)
    config = AttackConfig(
        loss=loss, path="sampled", strength="single", draws=4, weight_count=3, max_evaluations=60
    )
    found = attack(model, x, target, config)
    known = attack(model, x, target, replace(config, path="common", draws=200))
    start, least = known.problem.divergence_start, known.divergence[:, 0]
    ours = known.problem.parts(found.points[:, 0], torch.arange(2)).sum(1)
    assert ((start - ours) / (start - least) > 0.5).all()


def test_levels_may_be_given_for_all_pairs_or_for_each():
    x, target = some(2)
    config = AttackConfig(restarts=0, max_evaluations=5)
    shared = attack(Linear(), x, target, config, levels=torch.tensor([0.1, 1.0]))
    own = attack(Linear(), x, target, config, levels=torch.tensor([[0.1, 1.0], [0.2, 3.0]]))
    assert shared.levels.tolist() == [[0.1, 1.0]] * 2 or torch.allclose(
        shared.levels, torch.tensor([0.1, 1.0], dtype=torch.float64)
    )
    assert own.levels[1, 1] == 3


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda x, t: (x[..., :2, :], t), ShapeError, r"images of shape \(1, 1, 2, 4\) and"),
        (lambda x, t: (x[0], t[0]), ShapeError, r"expected inputs and targets to be \(pairs, 1, 4"),
        (lambda x, t: (x * 100, t), DataError, r"input image has values from .* inside the model"),
        (lambda x, t: (x, t * torch.nan), DataError, "target image has values from nan to nan"),
        (lambda x, _: (x, x), DataError, "input and target of pair 0 are the same image"),
        (lambda x, _: (x,), ConfigError, "no targets for a targeted loss: give targets"),
    ],
)
def test_bad_images_are_named(change, error, text):
    with pytest.raises(error, match=text):
        attack(Linear(), *change(*some(1)))


@pytest.mark.parametrize(
    ("levels", "error", "text"),
    [
        ([[1.0], [2.0]], ShapeError, r"levels of shape \(2, 1\), expected \(levels,\) or \(1, lev"),
        (
            [2.0, 1.0],
            ConfigError,
            r"levels \[2.0, 1.0\], expected ascending weights from 0 on: sort",
        ),
        ([-1.0, 1.0], ConfigError, r"levels \[-1.0, 1.0\], expected ascending weights from 0 on"),
    ],
)
def test_bad_levels_are_named(levels, error, text):
    with pytest.raises(error, match=text):
        attack(Linear(), *some(1), levels=torch.tensor(levels))


def test_a_budget_of_zero_is_refused():
    with pytest.raises(ConfigError, match="expected ascending budgets above 0: sort them"):
        attack(Linear(), *some(1), AttackConfig(threat="l2"), levels=torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize("strength", ["strong", "single", "paper"])
def test_with_a_weight_of_zero_the_loss_alone_counts(strength):
    """The smallest ‖rec(x*) − x_t‖ of a linear model is a least-squares residual."""
    model, (x, target) = Linear(), some(1)
    model.bounds = (-50.0, 50.0)
    config = AttackConfig("output-l2", strength=strength, recheck=0)
    result = attack(model, x, target, config, levels=torch.tensor([0.0, 0.5]))
    product = (model.w @ model.a).numpy()
    aim = target.flatten().numpy()
    least = np.linalg.norm(aim - product @ np.linalg.lstsq(product, aim, rcond=None)[0])
    assert float(result.delta[0, 0]) == pytest.approx(least, rel=1e-3)
    assert float(result.delta[0, 0]) == float(result.divergence[0, 0])
    assert float(result.norms.l2[0, 0]) > 0
    assert float(result.level_relative[0, 0]) == 0
    assert float(result.delta[0, 1]) > float(result.divergence[0, 1])


def test_relative_weights_need_a_floor():
    loss = FunctionLoss(lambda _model, images, *_: images.sum((1, 2, 3)), floor=None)
    with pytest.raises(
        ConfigError, match="relative weights for a loss without a floor: give the loss"
    ):
        attack(Linear(), *some(1), loss=loss)
    budget = AttackConfig(threat="l2", restarts=0)
    result = attack(Linear(), *some(1), budget, loss=loss)
    assert (result.delta.diff(dim=1) < 0).all()


@pytest.mark.parametrize("threat", ["l2", "linf"])
def test_blends_of_single_precision_stay_within_budgets(threat):
    x, target = (side.clamp(-1, 1) for side in some(4, torch.float32))
    config = AttackConfig(threat=threat, budgets=(0.004, 0.3), strength="single")
    problem = attack(Linear(), x, target, config).problem
    levels = torch.tensor([[0.008, 0.6]], dtype=torch.float64).expand(4, 2)
    blends = problem.blends(levels)
    norms = Norms.of((blends - problem.x[:, None]).flatten(0, 1))
    size = getattr(norms, threat).view(4, 2)
    assert (size <= levels * (1 + 1e-6)).all()
    assert (size >= levels * (1 - 1e-4)).all()


def test_a_loss_that_is_not_finite_at_the_input_is_told_of():
    x, target = some(2)

    def broken(model, images, targets, noise):
        attacked, aimed = (model.encode(v, noise).z[0].sum(-1) for v in (images, targets))
        return (attacked - aimed) / 0

    with pytest.raises(DataError, match="the loss of input 0 itself is"):
        attack(Linear(), x, target, AttackConfig(recheck=0), loss=FunctionLoss(broken))


def test_pair_numbers_are_one_a_pair():
    x, target = some(3)
    with pytest.raises(ShapeError, match="1 pair numbers for 3 pairs"):
        attack(Linear(), x, target, pair_numbers=[0])


def test_a_sampled_loss_of_ones_own_is_refused_as_the_config_would():
    x, target = some(1)
    with pytest.raises(ConfigError, match="a loss on the sampled path with strength 'strong'"):
        attack(Linear(), x, target, loss=LatentLoss((1,), path="sampled"))


def test_where_there_is_nothing_to_gain_there_is_nothing_to_flag():
    deaf = Linear()
    deaf.a = torch.zeros_like(deaf.a)
    x, target = some(2)
    config = AttackConfig(weight_count=3, restarts=0, gradient_free=10, recheck=0.4)
    judged = checked_attack(deaf, x, target, config)
    assert judged.result.rows(0)[0]["raw_violation"] == 0
    assert judged.result.rows(0)[0]["divergence_ratio"] is None
    raised = {flag.name for flag in judged.flags if flag.raised}
    assert raised == {"gradient not usable", "start point kept"}


def test_a_loss_and_levels_of_ones_own_are_judged_too():
    x, target = some(1)

    def first_unit(model, images, targets, noise):
        attacked, aimed = (model.encode(v, noise).z[0] for v in (images, targets))
        return (attacked - aimed)[..., 0].square()

    config = AttackConfig(restarts=0, gradient_free=10, recheck=0)
    given = {"loss": FunctionLoss(first_unit), "levels": torch.tensor([0.01, 0.1])}
    judged = checked_attack(Linear(), x, target, config, **given)
    alone = attack(Linear(), x, target, config, **given)
    torch.testing.assert_close(judged.controlled.attack.delta, alone.delta)
    assert len(judged.flags) == 12


@pytest.mark.parametrize(
    ("transferred", "error", "said"),
    [
        (torch.zeros(1, 2, 1, 3, 3), ShapeError, r"expected \(1, images, 1, 4, 4\)"),
        (torch.full((1, 2, 1, 4, 4), 5.5), DataError, "a transferred image has values from 5.5"),
        (torch.full((1, 2, 1, 4, 4), torch.nan), DataError, "expected finite values"),
    ],
)
def test_transferred_images_are_checked(transferred, error, said):
    x, target = some(1)
    with pytest.raises(error, match=said):
        checked_attack(Linear(), x, target, transferred=transferred)
