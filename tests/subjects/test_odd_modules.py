"""Modules of unusual forms: each is adapted, or refused with one line that says what to do."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn.functional import dropout, group_norm

from seatbelt_vae import AttackConfig, attack, wrap
from seatbelt_vae.errors import ModelError
from seatbelt_vae.testing import check_autoencoder

SHAPE = (3, 8, 8)


class Conv(nn.Module):
    """A convolutional autoencoder of 7 channels, with a layer between its two maps."""

    def __init__(self, layer=None):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 7, 4, 2, 1), nn.ConvTranspose2d(7, 3, 4, 2, 1)
        self.layer = layer or nn.Identity()

    def encode(self, x):
        return self.layer(self.down(x))

    def decode(self, z):
        return self.up(z).sigmoid()


class NormOfBatch(nn.Module):
    """A group norm over the channels of all images of a batch."""

    def forward(self, x):
        return group_norm(x.flatten(0, 1)[None], 1).view_as(x)


class AlwaysDrops(nn.Module):
    def forward(self, x):
        return dropout(x, 0.3, training=True)


class Holder:
    def __init__(self, inner):
        self.parts = [{"inner": inner}]


class Hidden(nn.Module):
    """A module in a plain object, which `eval` does not reach."""

    def __init__(self, inner):
        super().__init__()
        self.held = Holder(inner)

    def encode(self, x):
        return self.held.parts[0]["inner"].encode(x)

    def decode(self, z):
        return self.held.parts[0]["inner"].decode(z)


class RefusesEvaluation(Conv):
    def train(self, mode=True):
        return super().train(mode or self.down.training)


class Conditional(nn.Module):
    """A conditional VAE: both maps take labels."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(202, 8), nn.Linear(14, 192)

    def encode(self, x, labels):
        return self.encoder(torch.cat([x.flatten(1), labels], 1)).chunk(2, 1)

    def decode(self, z, labels):
        return self.decoder(torch.cat([z, labels], 1)).sigmoid().view(-1, *SHAPE)


class ConditionalDecoder(Conditional):
    def encode(self, x):
        return super().encode(x, x.new_zeros(len(x), 10))


class ConditionalForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Conditional()

    def forward(self, x, labels):
        return self.inner.decode(self.inner.encode(x, labels)[0], labels)


class Other(Conv):
    """Returns mappings without any usual name."""

    def encode(self, x):
        return {"q_mean": super().encode(x)}


class Results(nn.Module):
    """Returns a mapping with the reconstruction."""

    def __init__(self):
        super().__init__()
        self.inner = Conv()

    def forward(self, x):
        return {"recon_x": self.inner.decode(self.inner.encode(x)), "loss": x.sum()}


class Linear(nn.Module):
    """Can be compiled by TorchScript."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(192, 8), nn.Linear(4, 192)

    @torch.jit.export
    def encode(self, x):
        return self.encoder(x.flatten(1)).chunk(2, 1)

    @torch.jit.export
    def decode(self, z):
        return self.decoder(z).sigmoid().view(-1, 3, 8, 8)

    def forward(self, x):
        return self.decode(self.encode(x)[0])


def scripted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        return torch.jit.script(Linear())


FURTHER = (
    r"takes further arguments \('labels'\), such as the labels of a conditional model: return "
)
REFUSED = {
    "norm over the batch": (
        lambda: Conv(NormOfBatch()),
        "of one row must not depend on the other rows.* normalise each row by itself",
    ),
    "functional dropout": (lambda: Conv(AlwaysDrops()), "but it samples.* draw no noise besides"),
    "hidden dropout": (
        lambda: Hidden(Conv(nn.Dropout(0.3))),
        r"but it samples.* call eval\(\) of layers such as Dropout",
    ),
    "refuses evaluation": (
        lambda: RefusesEvaluation(nn.Dropout(0.3)),
        r"the layer layer \(Dropout\) is in training mode",
    ),
    "conditional": (Conditional, "^encode of Conditional " + FURTHER),
    "conditional decoder": (ConditionalDecoder, "^decode of ConditionalDecoder " + FURTHER),
    "conditional forward": (ConditionalForward, "^ConditionalForward " + FURTHER),
    "unusual names": (Other, "returned a dict of q_mean, expected a code, a mean and"),
}
ADAPTED = {
    "odd groups": lambda: Conv(nn.GroupNorm(7, 7)),
    "instance norm with running statistics": lambda: Conv(
        nn.InstanceNorm2d(7, track_running_stats=True)
    ),
    "mapping of a forward": Results,
    "TorchScript": scripted,
    "compiled": lambda: torch.compile(Conv(), backend="eager"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_in_one_line(make, message):
    torch.manual_seed(0)
    with pytest.raises(ModelError, match=message) as caught:
        check_autoencoder(wrap(make(), SHAPE))
    assert "\n" not in caught.value.args[0]


@pytest.mark.parametrize("make", ADAPTED.values(), ids=ADAPTED)
def test_it_is_adapted_and_attacked(make):
    torch.manual_seed(0)
    model = wrap(make(), SHAPE)
    check_autoencoder(model)
    x, target = torch.rand(2, 1, *SHAPE)
    config = AttackConfig("output-l2", threat="l2", restarts=1, max_evaluations=20, recheck=0)
    found = attack(model, x, target, config)
    assert (found.divergence[0, -1] < found.problem.divergence_start[0]).all()
