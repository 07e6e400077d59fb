"""Modules of several layers, top-down and bottom-up, against their own formulas."""

import numpy as np
import pytest
import torch
from torch import nn

from seatbelt_vae import AttackConfig, attack, evaluate, load_data, open_subject, wrap
from seatbelt_vae.cli import main
from seatbelt_vae.config import AdapterConfig, EvaluationConfig
from seatbelt_vae.distributions import Normal
from seatbelt_vae.errors import ModelError
from seatbelt_vae.evaluation import margins
from seatbelt_vae.evaluation.margin import mean_jacobian
from seatbelt_vae.objectives.elbo import elbo_units
from seatbelt_vae.protocol import draw_noise
from seatbelt_vae.subjects import store_subject
from seatbelt_vae.testing import check_autoencoder
from tests.subjects.test_plausibility import SHAPE, blobs


class TopDown(nn.Module):
    """A ladder of two layers: z² of 2 units from x, then z¹ of 3×2 units from x and z²."""

    depth = 2

    def __init__(self):
        super().__init__()
        self.features = nn.ModuleList([nn.Linear(64, 12), nn.Linear(64, 4)])
        self.down, self.back = nn.Linear(2, 12), nn.Linear(8, 64)

    def encode(self, x):
        return {"below": self.features[0](x.flatten(1)), "top": self.features[1](x.flatten(1))}

    def posterior(self, features, z):
        if not z:
            return features["top"].chunk(2, dim=1)
        mean, log_variance = (features["below"] + self.down(z[0])).tanh().chunk(2, dim=1)
        return mean.view(-1, 3, 2), log_variance.view(-1, 3, 2)

    def prior(self, z):
        mean, log_variance = self.down(z[0]).chunk(2, dim=1)
        return mean.view(-1, 3, 2), log_variance.view(-1, 3, 2)

    def decode(self, z):
        top, below = z
        return self.back(torch.cat([top, below.flatten(1)], dim=1)).sigmoid().view(-1, *SHAPE)


class BottomUp(TopDown):
    """The same networks with q(z¹|x) and q(z²|z¹, x)."""

    def __init__(self):
        super().__init__()
        self.up = nn.Linear(6, 4)

    def posterior(self, features, z):
        if not z:
            mean, log_variance = features["below"].chunk(2, dim=1)
            return mean.view(-1, 3, 2), log_variance.view(-1, 3, 2)
        return (features["top"] + self.up(z[0].flatten(1))).tanh().chunk(2, dim=1)


KINDS = {"top-down": TopDown, "bottom-up": BottomUp}


def module_of(order):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return KINDS[order]().eval()


def noise_of(*shape):
    return draw_noise((6, 2), shape, torch.Generator().manual_seed(0))


def test_the_path_of_a_top_down_model_by_hand():
    net, x, noise = module_of("top-down"), blobs(5), noise_of(4, 5)
    model = wrap(net, SHAPE, likelihood="gaussian")
    assert model.latent_sizes == (6, 2)
    assert model.assumptions["order"] == "top-down"
    assert model.assumptions["code"] == "log-variance, 3×2 + 2"
    found, prior = model.encode(x, noise), model.prior(model.encode(x, noise).z)
    decoded = model.decode(found.z).mean
    for k in range(4):
        features = net.encode(x)
        top = Normal(*net.posterior(features, ())).sample(noise[1][k])
        mean, log_variance = (part.flatten(1) for part in net.posterior(features, (top,)))
        below = Normal(mean, log_variance).sample(noise[0][k])
        torch.testing.assert_close(found.z[1][k], top)
        torch.testing.assert_close(found.z[0][k], below)
        torch.testing.assert_close(found.layers[0].mean[k], mean)
        torch.testing.assert_close(prior[0].mean[k], net.prior((top,))[0].flatten(1))
        image = net.decode((top, below.view(-1, 3, 2)))
        torch.testing.assert_close(decoded[k], image)


@pytest.mark.parametrize("order", KINDS)
def test_either_order_keeps_the_promises(order):
    model = wrap(module_of(order), SHAPE, order=order)
    assert model.capabilities.top_down == (order == "top-down")
    check_autoencoder(model)


def test_the_elbo_of_a_top_down_model_is_below_the_likelihood_by_the_mean_of_the_ratio():
    model = wrap(module_of("top-down"), SHAPE, likelihood="gaussian", variance=4.0)
    x, noise = blobs(2).double(), noise_of(200_000, 1)
    x = x[:1].float()
    with torch.no_grad():
        _, divergences, posterior = elbo_units(model, x, noise)
        log_ratio = sum(
            q.log_prob(z) - p.log_prob(z)
            for q, p, z in zip(posterior.layers, model.prior(posterior.z), posterior.z, strict=True)
        )
        # E[p(z)/q(z)] = 1 along paths of q, whatever the order
        ratio = (-log_ratio).double().exp()
    assert abs(ratio.mean() - 1) < 5 * ratio.std() / len(ratio) ** 0.5
    kl = sum(unit.sum(-1).mean() for unit in divergences)
    torch.testing.assert_close(kl, log_ratio.mean(), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("order", KINDS)
def test_jacobians_hold_the_codes_that_were_computed_before(order):
    net, x = module_of(order), blobs(2)
    model = wrap(net, SHAPE, order=order)
    first = 1 if order == "top-down" else 0
    known = model.encode(x).z[first].detach()

    def means(images):
        features = net.encode(images)
        given = known.view(-1, 3, 2) if order == "bottom-up" else known
        parts = {
            first: net.posterior(features, ())[0].flatten(1),
            1 - first: net.posterior(features, (given,))[0].flatten(1),
        }
        return torch.cat([parts[0], parts[1]], dim=1)

    full = torch.autograd.functional.jacobian(means, x).flatten(3).flatten(2, 2)
    expected = torch.stack([full[i, :, i].reshape(8, 64) for i in range(2)])
    torch.testing.assert_close(mean_jacobian(model, x), expected)
    assert (margins(model, x, radius=100.0).frobenius > 0).all()


@pytest.mark.parametrize("loss", ["latent-kl", "latent-l2", "output-l2"])
def test_attacks_reach_through_all_layers(loss):
    model = wrap(module_of("top-down"), SHAPE)
    x, target = blobs(4)[0::2], blobs(4)[1::2]
    found = attack(model, x, target, AttackConfig(loss, threat="l2", recheck=0))
    ends, starts = found.divergence[:, -1], found.problem.divergence_start
    assert (ends < (0.9 if loss.startswith("latent") else 1.0) * starts).all()


MODEL = """
from tests.subjects.test_layered import module_of
def load():
    return module_of("top-down")
def bottom_up():
    return module_of("bottom-up")
"""


def test_the_command_line_takes_either_order(tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "blobs.npy", (255 * blobs(120)[:, 0]).round().byte().numpy())
    (tmp_path / "mine.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    given = ("--data", "array", "--root", "blobs.npy", "--pairs", "2", "--weight-count", "3")
    quick = ("--restarts", "0", "--processes", "1")
    assert main(["attack", "mine.py:load", *given, *quick]) == 0
    assert "order: top-down" in " ".join(capsys.readouterr().err.split())
    data = load_data("array", "blobs.npy")
    settings = AdapterConfig(order="bottom-up")
    subject = store_subject(open_subject("mine.py:bottom_up", data, settings), tmp_path / "up")
    assert not subject.model.capabilities.top_down
    assert not open_subject("mine.py:bottom_up", data).model.capabilities.top_down
    for found in (subject, open_subject("runs/mine-load", data)):
        measures = evaluate(found, data, EvaluationConfig(images=20))
        assert [len(measures[name]) for name in ("divergences", "active_units")] == [2, 2]


WRONG = {
    "no depth": ({"depth": None}, "has posterior and prior, but depth is None"),
    "too deep": (
        {"depth": 3},
        r"decode of TopDown fails on codes \(a tensor \(2, 2\), ",
    ),
    "no spread": ({"prior": lambda z: z[0]}, "prior of TopDown returned a tensor"),
    "other sizes": ({"prior": lambda z: (z[0], z[0])}, "prior of TopDown has a mean"),
    "decoder": ({"decode": lambda z: z[0]}, "decode of TopDown returned a tensor"),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_parts_that_do_not_fit_are_named(changes, message):
    net = module_of("top-down")
    for name, value in changes.items():
        setattr(net, name, value)
    with pytest.raises(ModelError, match=message):
        wrap(net, SHAPE)
