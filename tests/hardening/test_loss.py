"""The weights of an encoder, and the loss against NumPy."""

import numpy as np
import pytest
import torch
from torch import nn

from seatbelt_vae import HierarchicalVAE, wrap
from seatbelt_vae.config import HardeningConfig, ModelConfig, resolve
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.hardening.encoder_weights import EncoderWeights, statistics
from seatbelt_vae.hardening.hardener import learning_rate
from seatbelt_vae.hardening.hardening_loss import HardeningLoss

SHAPE = (1, 2, 3)


class Affine(nn.Module):
    """A linear VAE with one weight that both maps use."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.spread = nn.Linear(6, 2, bias=False), nn.Linear(6, 2, bias=False)
        self.decoder = nn.Linear(2, 6, bias=False)
        self.shared = nn.Parameter(torch.ones(1))

    def encode(self, x):
        x = self.shared * x.flatten(1)
        return self.mean(x), self.spread(x)

    def decode(self, z):
        return self.shared * self.decoder(z)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return wrap(Affine(), SHAPE, (0.0, 1.0))


@pytest.fixture
def x():
    return torch.rand(40, *SHAPE, generator=torch.Generator().manual_seed(1))


def test_the_encoder_has_the_weights_that_the_decoder_does_not_use(model, x):
    found = EncoderWeights.of(model, x[:2])
    assert list(found.parameters) == ["mean.weight", "spread.weight"]
    required = {n for n, weight in model.module.named_parameters() if weight.requires_grad}
    assert required == set(found.parameters)


def test_the_encoder_of_a_hierarchy_leaves_out_the_prior():
    settings = ModelConfig(preset="seatbelt", depth=2, network="mlp", features=8)
    own = HierarchicalVAE(resolve(settings, "toy", (1, 4, 4), (0.0, 1.0))).eval()
    rooms = {n.split(".")[0] for n in EncoderWeights.of(own, torch.rand(2, 1, 4, 4)).parameters}
    assert rooms == {"encoder", "posterior_head", "posterior_nets"}


def test_a_model_without_an_encoder_of_its_own_is_refused(x):
    with pytest.raises(ConfigError, match="no weight belongs to the encoder alone"):
        EncoderWeights.of(wrap(nn.Sequential(nn.Flatten(), nn.Linear(6, 6)), SHAPE), x[:2])


def test_a_reconstruction_without_gradient_asks_for_codes(model, x, monkeypatch):
    encoder = EncoderWeights.of(model, x[:2])
    plain = Affine.decode
    for cut in (lambda self, z: plain(self, z.round()), lambda self, z: plain(self, z).detach()):
        monkeypatch.setattr(Affine, "decode", cut)
        with pytest.raises(ConfigError, match="use objective codes"):
            HardeningLoss.of(model, encoder, HardeningConfig(), x)
        HardeningLoss.of(model, encoder, HardeningConfig(objective="codes"), x)


def test_the_weights_before_stand_in_during_a_block(model, x):
    encoder = EncoderWeights.of(model, x[:2])
    before = statistics(model.encode(x)).detach()
    with torch.no_grad():
        model.module.mean.weight += 1
    changed = statistics(model.encode(x)).detach()
    with encoder.as_before():
        torch.testing.assert_close(statistics(model.encode(x)), before)
    torch.testing.assert_close(statistics(model.encode(x)), changed)
    assert not torch.allclose(before, changed)


@pytest.mark.parametrize("objective", ["reconstruction", "codes"])
def test_terms_without_a_distortion_are_those_of_numpy(model, x, objective):
    config = HardeningConfig(objective=objective, radius=1e-7, clean_weight=3, originality=7)
    loss = HardeningLoss.of(model, EncoderWeights.of(model, x[:2]), config, x)
    flat = x.flatten(1).double().numpy()
    mean, spread, decoder = (
        getattr(model.module, name).weight.detach().double().numpy()
        for name in ("mean", "spread", "decoder")
    )
    before = np.concatenate([flat @ mean.T, flat @ spread.T], axis=1)
    variance = before.var(0, ddof=1)
    with torch.no_grad():
        model.module.mean.weight[1] *= 1.5
    terms = {k: v.item() for k, v in loss.terms(x, torch.Generator().manual_seed(0)).items()}
    mean[1] *= 1.5
    after = np.concatenate([flat @ mean.T, flat @ spread.T], axis=1)
    moved = ((after - before) ** 2 / variance).mean(1)
    error = ((flat @ mean.T @ decoder.T - flat) ** 2).sum(1) / flat.var(0, ddof=1).sum()
    distance = moved if objective == "codes" else error
    expected = {
        "adversarial": distance.mean(),
        "clean": distance[:10].mean(),
        "codes": moved[:10].mean(),
    }
    assert terms == pytest.approx(expected, rel=1e-4)
    total = loss.total({name: torch.tensor(value) for name, value in terms.items()})
    adversarial, clean, codes = expected.values()
    assert total.item() == pytest.approx(adversarial + 3 * clean + 7 * codes, rel=1e-4)


def test_the_radius_is_a_share_of_the_median_distance_or_of_the_range(model, x):
    encoder = EncoderWeights.of(model, x[:2])
    flat = x.flatten(1).numpy()
    median = np.median(np.linalg.norm(flat[:19] - flat[20:39], axis=1))
    made = HardeningLoss.of(model, encoder, HardeningConfig(radius=0.2), x[np.r_[:19, 20:39]])
    assert made.radius == pytest.approx(0.2 * median, rel=1e-5)
    wide = wrap(model.module, SHAPE, (-1.0, 1.0))
    assert HardeningLoss.of(wide, encoder, HardeningConfig(norm="linf"), x).radius == 0.12


def test_a_unit_that_encodes_nothing_has_the_floor_of_the_covariance(model, x):
    with torch.no_grad():
        model.module.spread.weight[0] = 0
    made = HardeningLoss.of(model, EncoderWeights.of(model, x[:2]), HardeningConfig(), x)
    variance = statistics(model.encode(x)).detach().var(0)
    assert made.covariance[2] == pytest.approx(0.01 * variance.mean().item())
    torch.testing.assert_close(made.covariance[:2], variance[:2])


def test_the_learning_rate_warms_up_and_decays_to_zero():
    rates = [learning_rate(2.0, step, 100) for step in range(1, 101)]
    assert rates[0] == pytest.approx(0.4)
    assert max(rates) == rates[4] == 2.0
    assert rates[52] == pytest.approx(1.0, abs=0.02)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
