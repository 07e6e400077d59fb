"""check_autoencoder: a foreign adapter passes, and each broken promise is named in one line."""

import re
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from seatbelt_vae.config import ModelConfig, resolve
from seatbelt_vae.distributions import (
    BernoulliImage,
    ImageDistribution,
    Normal,
    NormalImage,
    PointImage,
)
from seatbelt_vae.errors import ConfigError, ModelError
from seatbelt_vae.protocol import Autoencoder, Capabilities, Noise, Posterior
from seatbelt_vae.testing import check_autoencoder
from tests.random_models import random_model

IMAGE_SHAPE = (1, 4, 4)


class Foreign(nn.Module):
    """Somebody else's VAE: `encode` gives a pair, `decode` logits, and it knows no protocol."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 6))
        self.decoder = nn.Sequential(nn.Linear(3, 16), nn.Unflatten(-1, IMAGE_SHAPE))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, dim=-1)
        return mean, log_variance


class Adapter:
    """The adapter of the documentation: not an nn.Module, four lines of substance."""

    bounds, event_shape, latent_sizes = (0.0, 1.0), IMAGE_SHAPE, (3,)

    def __init__(self, model: Foreign) -> None:
        self.model = model

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        q = Normal(*self.model.encode(x))
        return Posterior((q,), (q.mean if noise is None else q.sample(noise[0]),))

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        return (Normal(z[0], z[0]).standard_normal(),)

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        return BernoulliImage(self.model.decoder(z[0]), self.bounds)


class Float64(Adapter):
    def __init__(self, model: Foreign) -> None:
        super().__init__(model.double())


class WithoutModule(Adapter):
    """No module anywhere: probes are float32, and there is no state to look at."""

    def __init__(self, model: Foreign) -> None:
        parts = SimpleNamespace(encode=model.encode, decoder=model.decoder)
        super().__init__(parts)


@pytest.mark.parametrize("adapter", [Adapter, Float64, WithoutModule])
@pytest.mark.parametrize("batch", [2, 5])
def test_a_four_line_adapter_of_a_foreign_model_passes(adapter: type[Adapter], batch: int) -> None:
    model = adapter(Foreign())
    assert isinstance(model, Autoencoder)
    check_autoencoder(model, batch=batch, seed=batch)


def test_a_batch_of_one_cannot_show_that_rows_are_independent() -> None:
    with pytest.raises(ConfigError, match="batch is 1, expected a finite number of at least 2"):
        check_autoencoder(Adapter(Foreign()), batch=1)


def test_a_model_in_training_mode_is_refused_and_in_evaluation_mode_passes() -> None:
    settings = ModelConfig(depth=2, filters=(4,), features=8, hierarchy_widths=(8,))
    model = random_model(resolve(settings, "dsprites", (1, 16, 16), (-1.0, 1.0)))
    with pytest.raises(ModelError) as caught:
        check_autoencoder(model.train())
    assert "put the model into evaluation mode (model.eval())" in str(caught.value)
    check_autoencoder(model.eval())


def _declared(**changes: object) -> Callable[[Adapter], None]:
    def change(model: Adapter) -> None:
        for name, value in changes.items():
            setattr(model, name, value)

    return change


def _posterior(function: Callable[..., Posterior]) -> Callable[[Adapter], None]:
    """Replace `encode` by a function of (q, x, noise)."""

    def change(model: Adapter) -> None:
        def encode(x: Tensor, noise: Noise | None = None) -> Posterior:
            return function(Normal(*model.model.encode(x)), x, noise)

        model.encode = encode

    return change


def _walk(q: Normal, noise: Noise | None) -> Posterior:
    return Posterior((q,), (q.mean if noise is None else q.sample(noise[0]),))


def _hidden_noise(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    mean = q.mean + 0.1 * torch.randn_like(q.mean)
    return _walk(Normal(mean, q.log_variance), noise)


def _writes_to_its_images(q: Normal, x: Tensor, noise: Noise | None) -> Posterior:
    found = _walk(q, noise)
    with torch.no_grad():
        x.clamp_(0.25, 0.75)
    return found


def _variance_for_std(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    return Posterior((q,), (q.mean if noise is None else q.mean + q.variance * noise[0],))


def _samples_on_the_mean_path(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    return _walk(q, [torch.ones_like(q.mean)] if noise is None else noise)


def _no_spread(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    return _walk(Normal(q.mean, torch.full_like(q.mean, -200.0)), noise)


def _mixes_rows(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    return _walk(Normal(q.mean - q.mean.mean(0), q.log_variance), noise)


def _mixes_draws(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    scale = 1.0 if noise is None else float(noise[0].ndim)
    return _walk(Normal(q.mean * scale, q.log_variance), noise)


def _one_layer_too_many(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    return Posterior((q, q), _walk(q, noise).z * 2)


def _transposed(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    return _walk(Normal(q.mean.mT, q.log_variance.mT), noise)


def _z_without_batch(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    return Posterior((q,), (_walk(q, noise).z[0][..., 0, :],))


def _pair(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    return Posterior(((q.mean, q.log_variance),), _walk(q, noise).z)


def _not_finite(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    return _walk(Normal(q.mean, q.log_variance * torch.inf), noise)


def _detached(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    return _walk(Normal(q.mean.detach(), q.log_variance.detach()), noise)


def _dead(_: Normal, x: Tensor, noise: Noise | None) -> Posterior:
    dead = torch.relu(x.flatten(1)[:, :3] - 5)
    return _walk(Normal(dead, dead), noise)


def _infinite_slope(q: Normal, x: Tensor, noise: Noise | None) -> Posterior:
    return _walk(Normal((q.mean + (x - x).abs().sum().sqrt()), q.log_variance), noise)


def _no_keyword(model: Adapter) -> None:
    encode = model.encode
    model.encode = lambda x: encode(x)


def _single_draws_only(q: Normal, _: Tensor, noise: Noise | None) -> Posterior:
    if noise is not None and noise[0].ndim > 2:
        raise ValueError("noise has three dimensions\nat line 7")
    return _walk(q, noise)


def _prior(mean: float, log_variance: float) -> Callable[[Adapter], None]:
    def prior(z: Sequence[Tensor]) -> tuple[Normal, ...]:
        return (Normal(torch.full_like(z[0], mean), torch.full_like(z[0], log_variance)),)

    return _declared(prior=prior)


def _noisy_prior(model: Adapter) -> None:
    model.latent_sizes = (3, 3)
    model.encode = lambda x, noise=None: _two_layers(Normal(*model.model.encode(x)), noise)
    model.prior = lambda z: (
        Normal(torch.randn_like(z[0]), torch.zeros_like(z[0])),
        Normal(z[1], z[1]).standard_normal(),
    )


def _two_layers(q: Normal, noise: Noise | None) -> Posterior:
    z = (q.mean, q.mean) if noise is None else (q.sample(noise[0]), q.sample(noise[1]))
    return Posterior((q, q), z)


def _decoder(function: Callable[[Tensor], object]) -> Callable[[Adapter], None]:
    """Replace `decode` by a function of the logits."""

    def change(model: Adapter) -> None:
        decoder = model.model.decoder
        model.decode = lambda z: function(decoder(z[0]))

    return change


class _Boastful(BernoulliImage):
    def log_prob(self, x: Tensor) -> Tensor:
        return self.max_log_prob(x) + 0.5 + 0 * super().log_prob(x)


class _Averaging(BernoulliImage):
    def log_prob(self, x: Tensor) -> Tensor:
        return super().log_prob(x).mean(-1)


def _decoder_dropout(model: Adapter) -> None:
    model.model.decoder.insert(0, nn.Dropout(0.5))


class _Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x


def _counts_its_calls(model: Adapter) -> None:
    model.model.decoder.append(_Counter())


def _keeps_gradients(model: Adapter) -> None:
    parameter = model.model.encoder[1].bias

    def decode(z: Sequence[Tensor]) -> ImageDistribution:
        parameter.grad = torch.ones_like(parameter)
        return BernoulliImage(model.model.decoder(z[0]), model.bounds)

    model.decode = decode


EVAL = "put the model into evaluation mode (model.eval())"
SAME = "(K, B, d) must give the results of K calls with (B, d), found a difference of #: treat"
Z = "must be mean + std·noise of its layers (the mean without noise), found a difference of #: "
SCALE = "scale the given noise by the standard deviation exp(log_variance / 2), and draw no other"
RAISED = (
    "expected a result: take images (B, C, H, W), and noise or z of shapes (B, d) and (K, B, d)"
)
NO_MIXING = (
    f"{EVAL}, and normalise each row by itself: BatchNorm in training mode and statistics over a "
    f"batch mix rows"
)
NO_HIDDEN = f"{EVAL}, and draw no noise besides the argument"
SMOOTH = "keep the map differentiable: no detach, no_grad, rounding or saturated output"
GRADIENT = "with respect to the image"
PIXELS = "expected two finite numbers, the smaller first: give the smallest and the largest value"
UNITS = "expected one or more sizes of at least 1: give the units of each layer, the one next to"
FINITE = "on images in the bounds, expected finite numbers: train with a smaller learning rate"
TOP = "end the prior with standard_normal(); a learnt prior is one more layer below it"
ROWS = "keep the leading shape of the noise, one row per input"

BROKEN: list[tuple[str, Callable[[Adapter], None], str]] = [
    ("bounds swapped", _declared(bounds=(1.0, 0.0)), f"bounds are (1.0, 0.0), {PIXELS} of a pixel"),
    ("bounds endless", _declared(bounds=(0.0, torch.inf)), f"bounds are (0.0, inf), {PIXELS} of a"),
    ("bounds missing", _declared(bounds=()), f"bounds are (), {PIXELS} of a pixel"),
    (
        "image shape",
        _declared(event_shape=(4, 0)),
        "event_shape is (4, 0), expected one or more sizes of at least 1: give (C, H, W)",
    ),
    ("no latents", _declared(latent_sizes=()), f"latent_sizes is (), {UNITS} the data first"),
    ("latents", _declared(latent_sizes=(3, 0)), f"latent_sizes is (3, 0), {UNITS} the data first"),
    (
        "hidden noise",
        _posterior(_hidden_noise),
        "encode(x) must return the same in a second call, but it samples, found a difference of #: "
        "return the mean and the log-variance, not a sample",
    ),
    (
        "writes to x",
        _posterior(_writes_to_its_images),
        "encode must not change its images, found a difference of #: never write to x",
    ),
    ("variance for std", _posterior(_variance_for_std), f"the z of encode(x, noise) {Z}{SCALE}"),
    ("mean path", _posterior(_samples_on_the_mean_path), f"the z of encode(x) {Z}{SCALE}"),
    (
        "no spread",
        _posterior(_no_spread),
        "z of layers [1] is the same under two different noises: scale the given noise by a "
        "standard deviation above zero",
    ),
    (
        "mixes rows",
        _posterior(_mixes_rows),
        f"encode(x) of one row must not depend on the other rows, found a difference of #: "
        f"{NO_MIXING}",
    ),
    ("mixes draws", _posterior(_mixes_draws), f"encode with noise of shape {SAME} draws"),
    (
        "layers",
        _posterior(_one_layer_too_many),
        "encode(x) gave 2 layers, expected 1: one per latent size",
    ),
    (
        "transposed",
        _posterior(_transposed),
        f"the mean of layer 1 of encode(x) has shape (3, 4), expected (4, 3): {ROWS}",
    ),
    (
        "no batch in z",
        _posterior(_z_without_batch),
        "encode(x) gave z of shapes [(3,)], expected [(4, 3)]: one z per layer",
    ),
    (
        "pair",
        _posterior(_pair),
        "layer 1 of encode(x) is builtins.tuple, expected seatbelt_vae.distributions.Normal: wrap "
        "mean and log-variance in it",
    ),
    (
        "not finite",
        _posterior(_not_finite),
        f"the log_variance of layer 1 of encode(x) is not finite {FINITE}, clamp log-variances",
    ),
    (
        "detached",
        _posterior(_detached),
        f"the gradient of the encoding {GRADIENT} does not exist, attacks need it: {SMOOTH}",
    ),
    (
        "dead",
        _posterior(_dead),
        f"the gradient of the encoding {GRADIENT} is zero in 4 of 4 images: {SMOOTH}",
    ),
    (
        "infinite slope",
        _posterior(_infinite_slope),
        f"the gradient of the encoding {GRADIENT} is not finite, attacks need it: {SMOOTH}",
    ),
    (
        "no noise taken",
        _no_keyword,
        "encode(x, noise) raised TypeError (_no_keyword.<locals>.<lambda>() takes 1 positional "
        f"argument but 2 were given), {RAISED}, one per layer",
    ),
    (
        "no draws taken",
        _posterior(_single_draws_only),
        "encode(x, noise) with 2 draws raised ValueError (noise has three dimensions), "
        f"{RAISED}, one per layer",
    ),
    (
        "prior mean",
        _prior(0.5, 0.0),
        f"the top layer of prior(z) must be N(0, I), found a difference of #: {TOP}",
    ),
    (
        "prior variance",
        _prior(0.0, 1.0),
        f"the top layer of prior(z) must be N(0, I), found a difference of #: {TOP}",
    ),
    (
        "empty prior",
        _declared(prior=lambda _: ()),
        "prior(z) gave 0 layers, expected 1: one per latent size",
    ),
    (
        "noisy prior",
        _noisy_prior,
        f"prior(z) must give the same result every time, found a difference of #: {NO_HIDDEN}",
    ),
    (
        "plain tensor",
        _decoder(lambda logits: logits),
        "decode(z) gave Tensor, expected an image distribution with mean, log_prob and "
        "max_log_prob: return NormalImage or BernoulliImage",
    ),
    (
        "flat image",
        _decoder(lambda logits: NormalImage(logits[..., 0, :, :], 0.1)),
        f"decode(z).mean has shape (4, 4, 4), expected (4, 1, 4, 4): {ROWS}",
    ),
    (
        "averaged",
        _decoder(lambda logits: _Averaging(logits, (0.0, 1.0))),
        f"decode(z).log_prob(x) has shape (), expected (4,): {ROWS}",
    ),
    (
        "above the largest",
        _decoder(lambda logits: _Boastful(logits, (0.0, 1.0))),
        "log_prob(x) is 0.5 nats above max_log_prob(x), the largest value of any decoder "
        "output: give both the same normaliser",
    ),
    (
        "decoder detached",
        _decoder(lambda logits: NormalImage(logits.detach(), 0.1)),
        f"the gradient of the reconstruction {GRADIENT} does not exist, attacks need it: {SMOOTH}",
    ),
    (
        "dropout",
        _decoder_dropout,
        f"the layer decoder.0 (Dropout) is in training mode, expected evaluation mode: {EVAL}, "
        "also inside wrappers and closures",
    ),
    (
        "decoder mixes rows",
        _decoder(lambda logits: NormalImage(logits - logits.mean(-4, keepdim=True), 0.1)),
        "decode(z) of one row must not depend on the other rows, found a difference of #: "
        f"{NO_MIXING}",
    ),
    (
        "buffer",
        _counts_its_calls,
        "'decoder.2.calls' changed in a call of the model, expected parameters, their "
        f"gradients and buffers to stay the same: {EVAL}",
    ),
    (
        "gradients",
        _keeps_gradients,
        "'encoder.1.bias.grad' changed in a call of the model, expected parameters, their "
        f"gradients and buffers to stay the same: {EVAL}",
    ),
]


@pytest.mark.parametrize(
    ("breakage", "message"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
def test_a_broken_promise_is_named(breakage: Callable[[Adapter], None], message: str) -> None:
    model = Adapter(Foreign())
    breakage(model)
    with pytest.raises(ModelError) as caught:
        check_autoencoder(model, batch=4)
    found = re.sub(r"difference of [\d.e+-]+", "difference of #", str(caught.value))
    assert found.startswith(message)
    assert "\n" not in found


def test_missing_names_are_listed() -> None:
    foreign = SimpleNamespace(bounds=(0.0, 1.0), encode=None, event_shape=(1, 4, 4))
    with pytest.raises(ModelError) as caught:
        check_autoencoder(foreign)
    assert str(caught.value) == (
        "SimpleNamespace has no latent_sizes, decode, prior: an autoencoder has bounds, "
        "event_shape, latent_sizes, encode, decode, prior (see seatbelt_vae.protocol.Autoencoder)"
    )


class Wrapped(Adapter):
    """A defence that decodes the average of codes drawn with noise of its own."""

    capabilities = Capabilities(reparameterised=False)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        posterior = super().encode(x, noise)
        drawn = torch.linspace(-1, 1, 4)[:, None].to(x) + posterior.z[0][..., None, :]
        return Posterior(posterior.layers, (drawn.tanh().mean(-2),))


class Deterministic(Adapter):
    """Codes without a posterior, reconstructions without a density."""

    capabilities = Capabilities(posterior=False, prior=False, likelihood=False)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        code = self.model.encode(x)[0]
        return Posterior((), (code if noise is None else code.expand_as(noise[0]),))

    prior = None

    def decode(self, z: Sequence[Tensor]) -> PointImage:
        return PointImage(self.model.decoder(z[0]).sigmoid())


class Vectors:
    """Vectors with bounds per feature, or none."""

    event_shape, latent_sizes = (5,), (2,)
    capabilities = Capabilities(posterior=False, prior=False, likelihood=False)

    def __init__(self, bounds: object) -> None:
        self.bounds = bounds
        self.weights = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        code = x @ self.weights
        return Posterior((), (code if noise is None else code.expand_as(noise[0]),))

    def decode(self, z: Sequence[Tensor]) -> PointImage:
        return PointImage(z[0] @ self.weights.T)


@pytest.mark.parametrize(
    "model",
    [
        Wrapped(Foreign()),
        Deterministic(Foreign()),
        Vectors(None),
        Vectors((-torch.ones(5), torch.arange(1.0, 6.0))),
    ],
    ids=["wrapper", "deterministic", "unbounded vectors", "bounds per feature"],
)
def test_models_with_fewer_capabilities_pass(model: Autoencoder) -> None:
    check_autoencoder(model)


def test_a_wrapper_that_does_not_say_so_is_named() -> None:
    model = Wrapped(Foreign())
    model.capabilities = Capabilities()
    with pytest.raises(ModelError, match=r"declare Capabilities\(reparameterised=False\)$"):
        check_autoencoder(model)
