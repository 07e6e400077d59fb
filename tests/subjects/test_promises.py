"""Foreign modules that each break one promise, caught by name; good ones raise nothing."""

import pytest
import torch
from torch import nn
from torch.nn.functional import relu, softplus

from seatbelt_vae import AttackConfig, attack, wrap
from seatbelt_vae.distributions import Normal, NormalImage
from seatbelt_vae.errors import ModelError
from seatbelt_vae.protocol import Posterior
from seatbelt_vae.testing import check_autoencoder

SHAPE = (3, 8, 8)


class Conv(nn.Module):
    """A convolutional VAE of 8×8 colour images in [0, 1]."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 8, 4, 2, 1)
        self.up = nn.ConvTranspose2d(4, 3, 4, 2, 1)

    def encode(self, x):
        return self.down(x).chunk(2, dim=1)

    def decode(self, z):
        return self.up(z).sigmoid()


class ChannelsLast(Conv):
    def encode(self, x):
        return super().encode(x.movedim(-1, 1))

    def decode(self, z):
        return super().decode(z).movedim(1, -1)


class ReturnsChannelsLast(Conv):
    def decode(self, z):
        return super().decode(z).movedim(1, -1)


class Multiples(Conv):
    """A skip connection, whose sides differ unless they are multiples of 4."""

    def encode(self, x):
        half = nn.functional.max_pool2d(x, 2)
        again = nn.functional.interpolate(nn.functional.max_pool2d(half, 2), scale_factor=2)
        mean, spread = super().encode(x + nn.functional.interpolate(half + again, scale_factor=2))
        return mean, spread


class Samples(Conv):
    def encode(self, x):
        mean, log_variance = super().encode(x)
        return mean + (0.5 * log_variance).exp() * torch.randn_like(mean), log_variance


class RandomDecoder(Conv):
    def decode(self, z):
        return super().decode(z + 0.1 * torch.randn_like(z))


class NoGradient(Conv):
    @torch.no_grad()
    def encode(self, x):
        return super().encode(x)


class Bytes(Conv):
    def decode(self, z):
        return (255 * super().decode(z)).round() / 255


class Clamped(Conv):
    def decode(self, z):
        return (1000 * self.up(z)).sign().clamp(0, 1)


class Overflows(Conv):
    def encode(self, x):
        mean, log_variance = super().encode(x)
        return 60000 * (2 + mean.square()), log_variance


class OneTensor(Conv):
    """Interleaved heads in one tensor of 8 values."""

    def __init__(self):
        super().__init__()
        self.heads, self.back = nn.Linear(192, 8), nn.Linear(4, 192)

    def encode(self, x):
        return self.heads(x.flatten(1))

    def decode(self, z):
        return self.back(z).sigmoid().view(-1, *SHAPE)


class Mixed(Conv):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(8)

    def encode(self, x):
        return self.norm(self.down(x)).chunk(2, dim=1)


class Holder:
    """A wrapper that is no module."""

    def __init__(self, inner):
        self.call = lambda x: inner.decode(inner.encode(x)[0])


class ByHand:
    """An adapter by hand of a module in a closure in a holder, left in training mode."""

    bounds, event_shape, latent_sizes = (0.0, 1.0), SHAPE, (192,)

    def __init__(self, inner):
        self.holder = Holder(inner)

    def encode(self, x, noise=None):
        mean = self.holder.call(x).flatten(1)
        q = Normal(mean, torch.zeros_like(mean))
        return Posterior((q,), (q.mean if noise is None else q.sample(noise[0]),))

    def prior(self, z):
        return (Normal(z[0], z[0]).standard_normal(),)

    def decode(self, z):
        return NormalImage(z[0].reshape(*z[0].shape[:-1], *SHAPE), 0.1)


class OneSize(nn.Module):
    """Asserts the size of its images."""

    def encode(self, x):
        assert x.shape[-1] == 28, "expected 28"
        return x.flatten(1)

    def decode(self, z):
        return z.view(-1, 3, 28, 28)


BROKEN = {
    "channels last": (
        lambda: wrap(ChannelsLast(), SHAPE),
        r"encode of ChannelsLast fails on inputs \(3, 8, 8\) .* but takes \(8, 8, 3\), channels "
        r"last: call it with x.movedim\(1, -1\)",
    ),
    "returns channels last": (
        lambda: wrap(ReturnsChannelsLast(), SHAPE),
        r"its channels are last: return x.movedim\(-1, 1\)",
    ),
    "multiples": (
        lambda: wrap(Multiples(), (3, 10, 10)),
        r"encode of Multiples fails on inputs \(3, 10, 10\) .* but takes \(3, 12, 12\): sides must "
        r"be multiples of 4; give another --image-size",
    ),
    "one size only": (
        lambda: wrap(OneSize(), SHAPE),
        r"fails on inputs \(3, 8, 8\) \(expected 28\) but takes sides of 28: give --image-size 28, "
        r"or return an adapter",
    ),
    "odd sides": (
        lambda: wrap(Conv(), (3, 9, 9)),
        r"returned a tensor \(2, 3, 8, 8\) for .*sides must be multiples of the network's stride: "
        r"give --image-size 8",
    ),
    "joined heads": (
        lambda: wrap(OneTensor(), SHAPE),
        r"returns one tensor h of 8 values and decode takes 4, so h has two heads: .* if they are "
        r"interleaved, h\[:, 0::2\], h\[:, 1::2\]",
    ),
    "hidden sampling": (lambda: wrap(Samples(), SHAPE), "but it samples"),
    "stochastic decoder": (lambda: wrap(RandomDecoder(), SHAPE), "the decoder is stochastic"),
    "no gradient": (lambda: wrap(NoGradient(), SHAPE), "computes under no_grad or inference_mode"),
    "rounding": (lambda: wrap(Bytes(), SHAPE), "every value is rounded, as to bytes"),
    "clamped": (lambda: wrap(Clamped(), SHAPE), r"rounded|clamped to their ends"),
    "float16": (lambda: wrap(Overflows().half(), SHAPE), "float16, which overflows above 65504"),
    "training mode": (
        lambda: ByHand(Mixed()),
        r"the layer norm \(BatchNorm2d\) is in training mode",
    ),
}


@pytest.mark.parametrize(("make", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_promise_is_named(make, message):
    torch.manual_seed(0)
    with pytest.raises(ModelError, match=message) as caught:
        check_autoencoder(make())
    assert "\n" not in caught.value.args[0]


class Pixels(Conv):
    """Bytes in, bytes out, without rounding."""

    def encode(self, x):
        return super().encode(x / 255)

    def decode(self, z):
        return 255 * super().decode(z)


class Softplus(Conv):
    def encode(self, x):
        mean, spread = super().encode(x)
        return torch.distributions.Normal(mean, softplus(spread) + 1e-3)


class Plain(Conv):
    def encode(self, x):
        return self.down(x)[:, :4]


class Leaky(Conv):
    """Clamped, with values between the ends."""

    def decode(self, z):
        return self.up(z).clamp(-0.1, 1)


class Objects(Conv):
    def encode(self, x):
        mean, log_variance = super().encode(x)
        return {"mu": mean, "logvar": log_variance}

    def decode(self, z):
        return {"recon": super().decode(z)}


class Normed(Mixed):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def encode(self, x):
        return self.drop(relu(self.norm(self.down(x)))).chunk(2, dim=1)


GOOD = {
    "convolutional": lambda: wrap(Conv(), SHAPE),
    "bytes": lambda: wrap(Pixels(), SHAPE, (0.0, 255.0)),
    "softplus": lambda: wrap(Softplus(), SHAPE),
    "deterministic": lambda: wrap(Plain(), SHAPE),
    "clamped in part": lambda: wrap(Leaky(), SHAPE, (-0.1, 1.0)),
    "mappings": lambda: wrap(Objects(), SHAPE),
    "training mode, found by wrap": lambda: wrap(nn.DataParallel(Normed().train()), SHAPE),
    "logits": lambda: wrap(Conv(), SHAPE, likelihood="bernoulli", output="logits"),
    "float64": lambda: wrap(Conv().double(), SHAPE),
    "bfloat16": lambda: wrap(Conv().bfloat16(), SHAPE),
    "reconstruction": lambda: wrap(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh()), SHAPE),
}


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_a_good_model_passes(make):
    torch.manual_seed(0)
    check_autoencoder(make())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("loss", ["latent-kl", "latent-l2", "output-l2"])
@pytest.mark.parametrize("threat", ["l2", "linf"])
def test_half_precision_models_are_attacked(dtype, loss, threat):
    torch.manual_seed(0)
    model = wrap(Conv().to(dtype), SHAPE)
    check_autoencoder(model)
    x, target = torch.rand(2, 1, *SHAPE)
    config = AttackConfig(loss, threat=threat, restarts=1, max_evaluations=30, recheck=0)
    found = attack(model, x, target, config)
    assert (found.divergence[0, -1] < found.problem.divergence_start[0]).all()


def test_an_exported_program_inside_an_own_adapter_is_not_in_training_mode():
    torch.manual_seed(0)
    net = nn.Linear(192, 192).eval()
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(net, (torch.zeros(2, 192),), dynamic_shapes=({0: batch},))

    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.program = program.module()

        def forward(self, x):
            return self.program(x.flatten(1)).view_as(x)

    by_hand = Wrapper()
    by_hand.training = False
    for given in (Wrapper(), by_hand.forward):
        model = wrap(given, SHAPE)
        check_autoencoder(model)
        x, target = torch.rand(2, 1, *SHAPE)
        attack(model, x, target, AttackConfig("output-l2", threat="l2", recheck=0))
