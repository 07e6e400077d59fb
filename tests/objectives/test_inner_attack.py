"""The attack of a training step on linear models, where every gradient is known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from seatbelt_vae.config import ObjectiveConfig
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.objectives import PenaltySetup
from seatbelt_vae.objectives.inner_attack import InnerAttack, median_distance
from seatbelt_vae.randomness import Stream, generator_for
from tests.attacks.models import PIXELS, SHAPE, Linear
from tests.objectives.test_objective import network

ROWS = 6


def attack(images: Tensor, seed: int = 0, **settings: object) -> InnerAttack:
    config = ObjectiveConfig(defence=("denoising-adversarial",), **settings)
    setup = PenaltySetup((3,), len(images), config, seed, examples=lambda: images)
    return InnerAttack(setup, Stream.ATTACKED_HALF)


def inputs(scale: float = 1.0) -> Tensor:
    draws = torch.Generator().manual_seed(1)
    return scale * torch.randn(ROWS, *SHAPE, generator=draws, dtype=torch.float64)


def drawn(step: int, norm: str) -> tuple[np.ndarray, np.ndarray]:
    """The shares of the radius and the directions of a step, from its stream."""
    draws = generator_for(Stream.ATTACKED_HALF, 0, step)
    share = torch.rand(ROWS, generator=draws).double().numpy()
    directions = torch.empty(ROWS, *SHAPE)
    if norm == "l2":
        directions.normal_(generator=draws)
    else:
        directions.uniform_(-1, 1, generator=draws)
    return share, directions.double().flatten(1).numpy()


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_the_steps_are_projected_gradient_ascent(norm: str, steps: int) -> None:
    model, x = Linear(), inputs(0.1)
    found = attack(x, defence_norm=norm, defence_steps=steps, defence_warm_up=10)
    moved = found(model, x, 4, ROWS, slice(None))
    jacobian = (model.w @ model.a).numpy()
    order = 2 if norm == "l2" else np.inf
    flat = x.flatten(1).numpy()
    apart = [np.linalg.norm(a - b, order) for i, a in enumerate(flat) for b in flat[i + 1 :]]
    most = (0.2 if norm == "l2" else 0.03) * sorted(apart)[(len(apart) - 1) // 2] * 4 / 10
    share, directions = drawn(4, norm)
    for row in range(ROWS):
        r = most * share[row]
        delta = directions[row] * (r if norm == "linf" else r / 2 / np.linalg.norm(directions[row]))
        for _ in range(steps):
            slope = 2 * jacobian.T @ jacobian @ delta
            unit = np.sign(slope) if norm == "linf" else slope / np.linalg.norm(slope)
            delta = delta + 2.5 * r / steps * unit
            if norm == "linf":
                delta = delta.clip(-r, r)
            else:
                delta = delta * min(1, r / np.linalg.norm(delta))
        expected = torch.from_numpy(delta).view(SHAPE)
        torch.testing.assert_close(moved[row] - x[row], expected, rtol=1e-6, atol=1e-9)


def test_the_step_of_a_linear_model_reaches_the_sphere_and_changes_more_than_noise() -> None:
    model, x = Linear(), inputs()
    noise, one, ten = (
        attack(x, defence_steps=steps)(model, x, None, ROWS, slice(None)) for steps in (0, 1, 10)
    )
    jacobian = (model.w @ model.a).double()
    change = [((m - x).flatten(1) @ jacobian.T).norm(dim=1) for m in (noise, one, ten)]
    assert (change[1] > 1.5 * change[0]).all()
    assert (change[2] > 0.999 * change[1]).all()
    length = [(m - x).flatten(1).norm(dim=1) for m in (noise, one, ten)]
    torch.testing.assert_close(length[1], 2 * length[0])
    torch.testing.assert_close(length[1], length[2])
    assert float(length[1].max()) < 0.2 * median_distance(x, "l2")


def test_attacked_inputs_stay_inside_the_bounds() -> None:
    model, x = Linear(), inputs().clamp(-1, 1)
    model.bounds = (-1.0, 1.0)
    moved = attack(x, defence_radius=3.0, defence_steps=3)(model, x, None, ROWS, slice(None))
    assert moved.min() == -1
    assert moved.max() == 1


def test_the_model_keeps_its_mode_and_gets_no_gradient() -> None:
    model: HierarchicalVAE = network("vae", (5,), torch.float64).train()
    frozen = next(model.parameters()).requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x = inputs().clamp(-1, 1)
    moved = attack(x)(model, x, 1, ROWS, slice(None))
    assert all(module.training for module in model.modules())
    assert all(p.requires_grad == (p is not frozen) for p in model.parameters())
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not moved.requires_grad


def test_rows_have_draws_of_their_own_that_depend_on_seed_and_step_alone() -> None:
    model, x = Linear(), inputs()
    first, again, later = (attack(x)(model, x, step, ROWS, slice(None)) for step in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)
    assert not torch.equal(first, attack(x, seed=1)(model, x, 1, ROWS, slice(None)))
    part = attack(x)(model, x[2:4], 1, ROWS, slice(2, 4))
    torch.testing.assert_close(part, first[2:4], rtol=1e-12, atol=0)
    assert len({round(float(d), 9) for d in (first - x).flatten(1).norm(dim=1)}) == ROWS


def test_the_median_is_over_all_pairs() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    # distances 1 2 3 4 6 7: torch takes the lower median
    assert median_distance(points, "l2") == 3
    assert median_distance(torch.zeros(2, PIXELS), "linf") == 0
