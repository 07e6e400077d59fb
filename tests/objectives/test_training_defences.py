"""The objective with a training defence: which rows are attacked, and how rows are weighed."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from seatbelt_vae.config import PRESETS, ObjectiveConfig, resolve_objective
from seatbelt_vae.config.training_defences import names_of
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.objectives import Objective, PenaltySetup, elbo_units
from seatbelt_vae.objectives.inner_attack import InnerAttack
from seatbelt_vae.objectives.penalties.minibatch_tc import MinibatchTC
from tests.objectives.test_objective import BATCH, SIZE, batch, network, sizes

D1 = "denoising-adversarial"


def objective_of(preset: str, depth: int, defence: str = D1, **settings: object) -> Objective:
    warm_up = {} if defence == "none" else {"defence_warm_up": 0}
    config = ObjectiveConfig(defence=(defence,), **warm_up, **settings)
    examples, _ = batch(depth)
    return Objective.of(preset, PenaltySetup(sizes(depth), SIZE, config, examples=lambda: examples))


def bound(model, seen: Tensor, noise, target: Tensor) -> Tensor:
    """log p(target|z) − KL of the posterior of ``seen``, per image."""
    _, units, posterior = elbo_units(model, seen, noise)
    return model.decode(posterior.z).log_prob(target) - sum(unit.sum(-1) for unit in units)


@pytest.mark.parametrize("weight", [1.0, 0.5, 3.0])
@pytest.mark.parametrize(("preset", "depth"), [("vae", 1), ("hvae", 3)])
def test_every_second_image_is_attacked_and_its_clean_form_is_the_target(
    monkeypatch: pytest.MonkeyPatch, preset: str, depth: int, weight: float
) -> None:
    shown = []

    def shift(*given):
        _, _, x, _, whole, rows = given
        shown.append((x, whole, rows))
        return x + 0.25

    monkeypatch.setattr(InnerAttack, "__call__", shift)
    model, (x, noise) = network(preset, sizes(depth), torch.float64).eval(), batch(depth)
    objective = objective_of(preset, depth, denoising_weight=weight, free_bits=0.0)
    terms = objective(model, x, noise, 1)
    ((given, whole, rows),) = shown
    assert torch.equal(given, x[1::2])
    assert (whole, rows) == (BATCH // 2, slice(0, BATCH // 2))
    moved = x.clone()
    moved[1::2] += 0.25
    by_row = bound(model, moved, noise, x)
    clean, attacked = by_row[::2].mean().item(), by_row[1::2].mean().item()
    assert terms.penalties["elbo_clean"].item() == pytest.approx(clean, rel=1e-6)
    assert terms.penalties["elbo_attacked"].item() == pytest.approx(attacked, rel=1e-6)
    expected = (clean + weight * attacked) / (1 + weight)
    assert terms.objective.item() == pytest.approx(expected, rel=1e-6)
    assert terms.elbo.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_finite_gradients_with_it(preset: str) -> None:
    depth = 3 if PRESETS[preset].hierarchical else 1
    model, (x, noise) = network(preset, sizes(depth), torch.float32), batch(depth, torch.float32)
    objective_of(preset, depth)(model, x, noise, 1).objective.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def encoder_gradient(preset: str, defence: str, **settings: object) -> Tensor:
    """The gradient of the objective in the weights that the posterior depends on."""
    depth = 3 if PRESETS[preset].hierarchical else 1
    model = network(preset, sizes(depth), torch.float32).eval()
    x, noise = batch(depth, torch.float32)
    posterior = model.encode(x)
    used = torch.autograd.grad(
        sum(q.mean.sum() for q in posterior.layers), list(model.parameters()), allow_unused=True
    )
    weights = [p for p, g in zip(model.parameters(), used, strict=True) if g is not None]
    objective = objective_of(preset, depth, defence, free_bits=0.0, **settings)
    found = torch.autograd.grad(objective(model, x, noise, 1).objective, weights)
    return torch.cat([part.flatten() for part in found])


@pytest.mark.parametrize("preset", PRESETS)
def test_the_gradients_of_attacked_images_and_of_a_penalty_reach_the_encoder(preset: str) -> None:
    plain, defended = (encoder_gradient(preset, name) for name in ("none", D1))
    assert (defended - plain).norm() > 1e-3 * plain.norm() > 0
    if PRESETS[preset].weighed:
        weak, strong = (encoder_gradient(preset, D1, beta=beta) for beta in (1.0, 6.0))
        assert (strong - weak).norm() > 1e-3 * weak.norm()


def test_a_tc_penalty_is_charged_beside_it() -> None:
    model, (x, noise) = network("seatbelt", sizes(3), torch.float64).eval(), batch(3)
    terms = objective_of("seatbelt", 3, beta=5.0, free_bits=0.0)(model, x, noise, 1)
    rest = terms.elbo - 4 * terms.penalties["total_correlation"]
    assert terms.objective.item() == pytest.approx(rest.item(), rel=1e-12)


def test_a_penalty_reads_the_images_that_were_encoded_and_terms_without_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, compute = [], MinibatchTC.__call__
    monkeypatch.setattr(
        MinibatchTC, "__call__", lambda self, given: read.append(given) or compute(self, given)
    )
    model, (x, noise) = network("beta-tcvae", sizes(1), torch.float64).eval(), batch(1)
    objective_of("beta-tcvae", 1, denoising_weight=3.0)(model, x, noise, 1)
    (given,) = read
    assert torch.equal(given.x[::2], x[::2])
    assert (given.x[1::2] != x[1::2]).flatten(1).any(1).all()
    likelihood, units, _ = elbo_units(model, given.x, noise, x)
    torch.testing.assert_close(given.log_likelihood, likelihood)
    torch.testing.assert_close(given.divergences, units)


def test_under_bf16_it_is_close_to_float32() -> None:
    x, noise = batch(1, torch.float32)
    model = network("vae", sizes(1), torch.float32)
    objective = objective_of("vae", 1)
    full = objective(model, x, noise, 1)
    with torch.autocast("cpu", torch.bfloat16):
        half = objective(model, x, noise, 1)
    assert all(value.dtype == torch.float32 for value in half.named().values())
    assert half.objective.item() == pytest.approx(full.objective.item(), rel=0.02)


def test_names_are_joined_by_commas_and_none_is_no_defence() -> None:
    assert ObjectiveConfig(defence=("none",)).defence == ()
    assert ObjectiveConfig(defence=(f"{D1},my.module:DEFENCE",)).defence == (
        D1,
        "my.module:DEFENCE",
    )
    assert names_of(()) == ()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"defence": ("denoising",)}, "unknown training defence 'denoising': perhaps you meant"),
        ({"defence": (D1, D1)}, "defence 'denoising-adversarial' is given twice"),
        ({"defence": (D1,), "defence_radius": 0.0}, "defence_radius is 0, expected a finite numb"),
        ({"defence": (D1,), "defence_norm": "l1"}, "unknown defence_norm 'l1'"),
        ({"defence": (D1,), "defence_steps": -1}, "defence_steps is -1, expected a finite number"),
        ({"defence_radius": 0.3}, "defence_radius is 0.3, which no chosen defence reads: leave"),
        ({"denoising_weight": 2.0}, "denoising_weight is 2.0, which no chosen defence reads"),
        ({"defence": ("pathlib:Path",)}, "defence 'pathlib:Path' is a type, expected a seatbelt"),
    ],
)
def test_an_invalid_setting_is_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve_objective(ObjectiveConfig(**settings), "vae", 1)


def test_only_one_defence_may_change_the_inputs() -> None:
    config = ObjectiveConfig(defence=(D1, "seatbelt_vae.config.training_defences:DENOISING"))
    with pytest.raises(ConfigError, match="both change the images"):
        Objective.of("vae", PenaltySetup((5,), SIZE, replace(config), examples=lambda: batch(1)[0]))
