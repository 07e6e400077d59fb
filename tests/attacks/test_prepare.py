"""Whatever is wrong with a model or with images is mended or refused before the first forward pass.

The models are modules in one precision; their float32 twins are the reference.
"""

import numpy as np
import pytest
import torch
from torch import nn

from seatbelt_vae.attacks import FunctionLoss, attack, budgeted_attack, checked_attack
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.distributions import BernoulliImage, Normal, NormalImage
from seatbelt_vae.errors import DataError, ModelError, ShapeError
from seatbelt_vae.protocol import Posterior

SMALL = {"weight_count": 3, "restarts": 0, "gradient_free": 5, "max_evaluations": 10}
CONFIG = AttackConfig(**SMALL, recheck=0)
SHAPE = (1, 4, 4)


class Tiny(nn.Module):
    """A VAE of two linear maps that records the dtypes it is called with."""

    bounds, event_shape, latent_sizes = (-1.0, 1.0), SHAPE, (3,)

    def __init__(self, bernoulli=False):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.norm, self.e, self.d = nn.BatchNorm1d(16), nn.Linear(16, 6), nn.Linear(3, 16)
        self.bernoulli, self.seen = bernoulli, set()
        self.eval()

    def encode(self, x, noise=None):
        self.seen.add(x.dtype)
        mean, log_variance = self.e(self.norm(x.flatten(1))).chunk(2, -1)
        q = Normal(mean, log_variance)
        return Posterior((q,), (mean if noise is None else q.sample(noise[0]),))

    def prior(self, z):
        self.seen.add(z[0].dtype)
        return (Normal(torch.zeros_like(z[0]), torch.zeros_like(z[0])),)

    def decode(self, z):
        self.seen.add(z[0].dtype)
        image = self.d(z[0]).unflatten(-1, SHAPE)
        return BernoulliImage(image, self.bounds) if self.bernoulli else NormalImage(image, 0.1)


class Adapter:
    """No module itself; holds one."""

    bounds, event_shape, latent_sizes = Tiny.bounds, SHAPE, (3,)

    def __init__(self, network):
        self.network = network
        self.encode, self.prior, self.decode = network.encode, network.prior, network.decode


def pixels(pairs=2):
    """Inputs and targets, :math:`(P, 1, 4, 4)`, float32."""
    both = 2 * torch.rand(2, pairs, *SHAPE, generator=torch.Generator().manual_seed(1)) - 1
    return both[0], both[1]


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_an_attack_has_gradients_under_inference_mode(mode):
    model, (x, target) = Tiny(), pixels()
    expected = checked_attack(model, x, target, CONFIG)
    with mode():
        alike = x * 1, target * 1
        found = checked_attack(model, *alike, CONFIG, transferred=alike[1][:, None])
        alone = attack(model, *alike, CONFIG)
        budgeted = budgeted_attack(model, alike[0][0], alike[1][0], [0.5], alike[0][:1] * 1)
    assert torch.equal(found.controlled.attack.points, expected.result.points)
    assert torch.equal(alone.points, expected.result.points)
    assert not alone.points.is_inference()
    assert all(check.gradient_usable for check in found.checks)
    assert torch.equal(budgeted, budgeted_attack(model, x[0], target[0], [0.5], x[:1]))


def test_a_model_made_under_inference_mode_is_refused():
    with torch.inference_mode():
        model = Tiny()
    with pytest.raises(ModelError, match=r"was made under torch.inference_mode\(\), so it has no"):
        attack(model, *pixels(), CONFIG)


@pytest.mark.parametrize("call", [attack, checked_attack])
@pytest.mark.parametrize("wrap", [lambda model: model, Adapter])
def test_training_mode_is_refused_before_any_forward_pass(call, wrap):
    model = Tiny()
    wrapped = wrap(model)
    model.norm.train()
    before = model.norm.running_mean.clone()
    with pytest.raises(ModelError, match=r"norm \(BatchNorm1d\) is in training mode, exp"):
        call(wrapped, *pixels(), CONFIG)
    assert not model.seen
    assert torch.equal(model.norm.running_mean, before)
    model.train()
    with pytest.raises(ModelError, match=r"model's module \(Tiny\) is in training mode"):
        call(wrapped, *pixels(), CONFIG)
    call(wrap(model.eval()), *pixels(), CONFIG)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.numpy(),
        lambda image: image.double().numpy(),
        lambda image: image.numpy()[::1, ::1, ::-1][:, :, ::-1],
        lambda image: image.clone().requires_grad_(),
        lambda image: image.double(),
        lambda image: (image * 1.0).requires_grad_() * 1.0,
    ],
)
def test_arrays_and_other_types_give_the_same_attack(change):
    x, target = pixels()
    expected = attack(Tiny(), x, target, CONFIG)
    found = attack(Tiny(), change(x), change(target), CONFIG)
    assert torch.equal(found.points, expected.points)
    assert not found.points.requires_grad


def test_a_double_model_is_attacked_in_double_precision():
    found = attack(Tiny().double(), *pixels(), CONFIG)
    assert found.points.dtype == torch.float64
    single = attack(Tiny(), *pixels(), CONFIG)
    torch.testing.assert_close(found.delta, single.delta, rtol=1e-4, atol=1e-6)


def test_whole_numbers_are_pixels_too():
    x = torch.zeros(1, *SHAPE, dtype=torch.uint8)
    target = np.ones((1, *SHAPE), dtype=np.int16)
    expected = attack(Tiny(), x.float(), torch.ones(1, *SHAPE), CONFIG)
    assert torch.equal(attack(Tiny(), x, target, CONFIG).points, expected.points)


@pytest.mark.parametrize(
    ("images", "error", "text"),
    [
        (torch.zeros(2, 16), ShapeError, r"images of shape \(2, 16\) and \(2, 1, 4, 4\), expected"),
        ([[0.0], []], DataError, "input images are list, expected a tensor"),
        (torch.zeros(2, *SHAPE, dtype=torch.complex64), DataError, "images are torch.complex64"),
        (np.full((2, *SHAPE), "a"), DataError, "input images are <U1, expected a tensor or array"),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(images, error, text):
    with pytest.raises(error, match=text) as caught:
        attack(Tiny(), images, pixels()[1], CONFIG)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("hair", [1e-7, 1.9e-6])
def test_pixels_out_by_rounding_are_clipped(hair):
    x, target = pixels()
    x[0, 0, 0, :2] = torch.tensor([-1.0, 1.0])
    expected = attack(Tiny(), x, target, CONFIG)
    x[0, 0, 0, :2] *= 1 + hair
    found = attack(Tiny(), x, target, CONFIG)
    assert float(found.problem.x.abs().max()) == 1
    assert torch.equal(found.points, expected.points)


def test_pixels_out_by_more_are_refused_in_figures_that_show_it():
    x, target = pixels()
    x[0, 0, 0, 0] = 1 + 4e-6
    with pytest.raises(DataError, match=r"to 1\.000004, expected finite values inside the model's"):
        attack(Tiny(), x, target, CONFIG)


@pytest.mark.parametrize("bernoulli", [False, True])
@pytest.mark.parametrize("loss", ["latent-kl", "latent-w2", "output", "output-l2"])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
def test_only_the_model_sees_half_precision(dtype, error, loss, bernoulli):
    model, (x, target) = Tiny(bernoulli).to(dtype), pixels()
    config = AttackConfig(loss=loss, draws=2, **SMALL)
    found = checked_attack(model, x.to(dtype), target.to(dtype), config)
    assert model.seen == {dtype}
    assert found.result.points.dtype == torch.float32
    assert all(check.repeatable and check.gradient_usable for check in found.checks)
    twin = Tiny(bernoulli)
    twin.load_state_dict(model.state_dict())
    wide = x.to(dtype).float(), target.to(dtype).float()
    expected = checked_attack(twin, *wide, config).result
    scale = expected.problem.span[:, None]
    points, pairs = found.result.points.flatten(0, 1), torch.arange(2).repeat_interleave(3)
    exact = expected.problem.parts(points, pairs).sum(1).view(2, 3)
    close = {"rtol": 0, "atol": error}
    torch.testing.assert_close(found.result.divergence / scale, exact / scale, **close)
    # rounding of the loss stops a descent early
    assert (found.result.delta <= expected.delta + 0.1 * scale).all()


def test_a_loss_of_ones_own_sees_float32_of_a_half_precision_model():
    seen = set()

    def first_unit(model, images, targets, noise):
        codes = [model.encode(side, noise).z[0] for side in (images, targets)]
        seen.update({images.dtype, *(code.dtype for code in codes)})
        return (codes[0] - codes[1])[..., 0].abs()

    adapter = Adapter(Tiny().bfloat16())
    attack(adapter, *pixels(), CONFIG, loss=FunctionLoss(first_unit))
    assert seen == {torch.float32}
