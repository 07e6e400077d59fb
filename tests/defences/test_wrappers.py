"""Defences at inference against plain loops, exact posteriors, and finite differences."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from seatbelt_vae import AttackConfig, attack
from seatbelt_vae.config.wrappers import WRAPPERS, full_name, parse_wrapper
from seatbelt_vae.defences import StraightThrough, Wrapper, defended, with_noise
from seatbelt_vae.defences.averaging import Averaging
from seatbelt_vae.defences.center_smoothing import CenterSmoothing
from seatbelt_vae.defences.hamiltonian import HamiltonianMonteCarlo
from seatbelt_vae.defences.self_denoising import SelfDenoising
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import capabilities_of
from seatbelt_vae.testing import check_autoencoder
from tests.attacks.models import PIXELS, SHAPE, Linear, TwoLayers
from tests.auditing.small_models import Linear as Plain
from tests.auditing.small_models import vae
from tests.generators import generator_of

BASE = {field.name for field in fields(Wrapper)}
NAMES = tuple(WRAPPERS)


@pytest.fixture
def x():
    return torch.randn(3, *SHAPE, generator=generator_of(1))


def rec(model, x, noise=None):
    return model.decode(model.encode(x, noise).z).mean


def test_every_name_has_a_default_number():
    assert full_name("center-smoothing") == "center-smoothing:0.1"
    for name, kind in WRAPPERS.items():
        built = defended(vae(), name)
        (number,) = [f.name for f in fields(built) if f.name not in BASE][:1]
        assert type(built).__name__ == kind.wrapper.partition(":")[2]
        assert getattr(built, number) == kind.default
        assert isinstance(getattr(built, number), int) == kind.whole


@pytest.mark.parametrize("inner", [Linear, vae])
@pytest.mark.parametrize("name", NAMES)
def test_a_defended_model_conforms(name, inner):
    model = defended(inner(), f"{name}:{0.1 if name == 'center-smoothing' else 2}")
    check_autoencoder(model)
    fresh = with_noise(model, None)
    assert (fresh is None) == (name == "self-denoising")
    if fresh is not None:
        assert not capabilities_of(fresh).repeatable
        check_autoencoder(fresh)
        images = torch.rand(2, *model.event_shape)
        assert not torch.equal(rec(fresh, images), rec(fresh, images))


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_exact(name):
    inner = TwoLayers()
    model = defended(inner, f"{name}:{0.02 if name == 'center-smoothing' else 2}")
    x = torch.randn(1, *SHAPE, generator=generator_of(2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: rec(model, x), x, eps=1e-6)


def test_averaging_is_the_mean_of_reconstructions(x):
    inner, model = TwoLayers(), Averaging(TwoLayers(), 4)
    noise = [torch.randn(3, 4 * d, generator=generator_of(d)) for d in inner.latent_sizes]
    loop = [rec(inner, x, [layer.view(3, 4, -1)[:, k] for layer in noise]) for k in range(4)]
    torch.testing.assert_close(rec(model, x, noise), sum(loop) / 4)
    fixed = rec(model, x)
    assert torch.equal(fixed, rec(model, x))
    assert torch.equal(fixed[1:], rec(model, x[1:]))
    assert not torch.equal(fixed, rec(replace(model, seed=1), x))
    many = rec(Averaging(inner, 4000), x[:1])
    torch.testing.assert_close(many, rec(inner, x[:1]), atol=0.15, rtol=0)


def test_self_denoising_reconstructs_before_it_encodes(x):
    inner = Linear()
    model = SelfDenoising(inner, 2)
    expected = x
    for _ in range(2):
        expected = rec(inner, expected).clamp(-5, 5)
    torch.testing.assert_close(rec(model, x), rec(inner, expected))


def test_hmc_draws_from_the_exact_posterior():
    """p(z|x) of a linear Gaussian model; the chain starts at the encoder's mean, far off."""
    inner = Linear(units=2, log_variance=-3.0)
    inner.w = inner.w / 4
    x = torch.randn(1, *SHAPE, generator=generator_of(3))
    w, rows = inner.w.numpy(), 4000
    precision = np.eye(2) + w.T @ w / 0.1
    mean = np.linalg.solve(precision, w.T @ x.flatten().double().numpy() / 0.1)
    chain = HamiltonianMonteCarlo(inner, 60, step_size=0.9, fresh=True)
    torch.manual_seed(0)
    with torch.no_grad():
        z = chain.encode(x.expand(rows, -1, -1, -1)).z[0].double().numpy()
    error = np.sqrt(np.diag(np.linalg.inv(precision)) / rows)
    assert (np.abs(z.mean(0) - mean) < 4 * error).all()
    exact = np.linalg.inv(precision)
    spread = np.sqrt((np.outer(np.diag(exact), np.diag(exact)) + exact**2) / rows)
    assert (np.abs(np.cov(z.T) - exact) < 4 * spread).all()


def test_center_smoothing_chooses_the_middle(x):
    inner, model = Linear(), CenterSmoothing(Linear(), 0.05, 9)
    noise = torch.randn(9, 1, *SHAPE, generator=model.generator())
    for row in range(3):
        noisy = (x[row] + 0.5 * noise[:, 0]).clamp(-5, 5)
        found = rec(inner, noisy).flatten(1).numpy()
        distances = np.linalg.norm(found[:, None] - found[None], axis=-1)
        chosen = np.sort(distances, axis=1)[:, 4].argmin()
        np.testing.assert_allclose(rec(model, x)[row].flatten(), found[chosen], rtol=1e-4)


def test_no_attack_violates_a_certificate():
    inner = vae()
    model = CenterSmoothing(inner, 0.2)
    x, target = torch.rand(2, 4, *inner.event_shape, generator=generator_of(4))
    checked = 0
    for share in (0.02, 0.05):
        radius = share * (x - target).flatten(1).norm(dim=1)
        bound = torch.cat([model.certificate(x[i : i + 1], float(radius[i])) for i in range(4)])
        assert bound.isfinite().all()
        for loss in ("damage-reconstruction", "output-reconstruction", "latent-l2"):
            settings = AttackConfig(
                loss, threat="l2", budgets=(share,), restarts=2, max_evaluations=60, recheck=0,
                gradient_free=0,
            )  # fmt: skip
            found = attack(model, x, target, settings)
            for each in (model, with_noise(model, 7), with_noise(model, None)):
                moved = (rec(each, found.adversarial[:, 0]) - rec(model, x)).flatten(1).norm(dim=1)
                assert (moved <= bound).all()
                checked += 1
    assert checked == 18


def test_a_certificate_grows_with_the_radius_and_ends():
    inner = vae()
    model, x = CenterSmoothing(inner, 0.2), torch.rand(2, *inner.event_shape)
    bounds = [model.certificate(x, radius)[0].item() for radius in (0.0, 0.1, 0.2, 1.0)]
    assert bounds[0] < bounds[1] < bounds[2] < bounds[3] == float("inf")
    few = CenterSmoothing(inner, 0.2, 3)
    assert few.certificate(x, 0.01).isinf().all()


def test_a_certificate_is_three_times_the_quantile():
    """The identity map: distances are those of the noise."""
    model, x = CenterSmoothing(Linear(units=PIXELS), 0.01), torch.zeros(1, *SHAPE)
    model.inner.a = model.inner.w = torch.eye(PIXELS, dtype=torch.float64)
    from scipy.stats import chi2, norm

    share = norm.cdf(norm.ppf(17 / 32 + np.sqrt(np.log(40) / 64)) + 0.05 / 0.1)
    share += np.sqrt(np.log(40) / 4000)
    centre = rec(model, x).flatten().double()
    draws = torch.randn(200_000, PIXELS, generator=generator_of(6), dtype=torch.float64) * 0.1
    expected = 3 * (draws - centre).norm(dim=1).quantile(share)
    assert chi2.ppf(share, PIXELS) > 0
    assert model.certificate(x, 0.05).item() == pytest.approx(expected.item(), rel=0.03)


def test_straight_through_has_the_value_of_the_defence_and_the_slope_of_the_model(x):
    inner = Linear()
    model = StraightThrough(inner, SelfDenoising(inner, 2))
    moved = x.clone().requires_grad_()
    value = rec(model, moved)
    torch.testing.assert_close(value, rec(model.defended, x))
    (slope,) = torch.autograd.grad(value.square().sum(), moved)
    plain = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad((rec(inner, plain) * value.detach() * 2).sum(), plain)
    torch.testing.assert_close(slope, expected)


@pytest.mark.parametrize("text", ["averaging:0", "averaging:1.5", "hmc:x", "center-smoothing:-1"])
def test_numbers_are_checked(text):
    with pytest.raises(ConfigError, match="expected a"):
        parse_wrapper(text)


def test_a_model_that_cannot_have_a_defence_is_named():
    from seatbelt_vae import wrap

    with pytest.raises(ConfigError, match="needs the model's posterior"):
        defended(wrap(Plain(), (1, 8, 8)), "averaging:2")
    with pytest.raises(ConfigError, match="unknown defence at inference 'avergaing'"):
        defended(Linear(), "avergaing")
