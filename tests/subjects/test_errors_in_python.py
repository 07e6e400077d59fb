"""Mistakes in Python: each is one line that names what was given, or it works."""

import numpy as np
import pytest
import torch
from torch import nn

from seatbelt_vae import (
    AttackConfig,
    checked_attack,
    evaluate,
    load_data,
    open_subject,
    run_suite,
    share,
    wrap,
    write_report,
)
from seatbelt_vae.distributions import Normal, NormalImage
from seatbelt_vae.errors import ConfigError, ModelError
from seatbelt_vae.evaluation import margins, measure_pair, reconstruct
from seatbelt_vae.protocol import Posterior
from seatbelt_vae.testing import check_autoencoder, check_on_images

SHAPE = (1, 4, 4)


class ByHand:
    """An adapter by hand of 16 units; ``change`` maps its posterior to a broken one."""

    bounds, event_shape, latent_sizes = (0.0, 1.0), SHAPE, (16,)

    def __init__(self, change=lambda found: found, sizes=(16,)):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.net = nn.Linear(16, 16).eval()
        self.change, self.latent_sizes = change, sizes

    def encode(self, x, noise=None):
        mean = self.net(x.flatten(1))
        q = Normal(mean, torch.zeros_like(mean) - 2)
        z = q.mean if noise is None else q.sample(noise[0])
        return self.change(Posterior((q,), (z,)))

    def prior(self, z):
        return (Normal(z[0], z[0]).standard_normal(),)

    def decode(self, z):
        return NormalImage(z[0].reshape(*z[0].shape[:-1], *SHAPE), 0.1)


def torch_normal(found):
    q = found.layers[0]
    return Posterior((torch.distributions.Normal(q.mean, q.std),), found.z)


def spatial(found):
    q = found.layers[0]
    return Posterior((Normal(*(p.view(-1, *SHAPE) for p in (q.mean, q.log_variance))),), found.z)


POSTERIORS = {
    "a torch Normal": (
        torch_normal,
        r"layer 1 of encode\(x\) is torch.distributions.normal.Normal, expected seatbelt_vae.distr",
    ),
    "no tuple of layers": (
        lambda found: Posterior(found.layers[0], found.z),
        r"Posterior whose layers is a Normal, expected a tuple .* write \(layers,\) for one layer",
    ),
    "no tuple of codes": (
        lambda found: Posterior(found.layers, found.z[0]),
        r"a Posterior whose z is a Tensor, expected a tuple .* write \(z,\) for one layer",
    ),
    "a tuple": (
        lambda found: (found.layers, found.z),
        r"encode\(x\) gave tuple, expected a seatbelt_vae.protocol.Posterior",
    ),
    "spatial": (spatial, "flatten spatial codes to one dimension"),
}


@pytest.mark.parametrize(("change", "message"), POSTERIORS.values(), ids=POSTERIORS)
def test_posteriors_of_another_form(change, message):
    with pytest.raises(ModelError, match=message):
        check_autoencoder(ByHand(change))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_numpy_images_work(dtype):
    model = ByHand()
    images = np.random.default_rng(0).random((9, *SHAPE)).astype(dtype)
    tensors = torch.from_numpy(images).float()
    assert reconstruct(model, images).equal(reconstruct(model, tensors))
    assert check_on_images(model, images) == check_on_images(model, tensors)
    found = margins(model, images[:1], 10.0).frobenius
    assert found.equal(margins(model, tensors[:1], 10.0).frobenius)


def test_the_rows_of_a_single_attack_can_be_measured():
    x, target = torch.rand(2, 1, *SHAPE, generator=torch.Generator().manual_seed(0))
    config = AttackConfig(threat="l2", recheck=0, gradient_free=0, fresh_draws=2)
    judged = checked_attack(ByHand(), x, target, config)
    found = measure_pair(
        ByHand(), x[0], target[0], judged.result.adversarial[0], judged.rows(0), config
    )
    named = [{**row, "pair": 0} for row in judged.rows(0)]
    again = measure_pair(ByHand(), x[0], target[0], judged.result.adversarial[0], named, config)
    assert found.rows == again.rows


def test_a_bare_model_is_no_subject(tmp_path):
    data = load_data("dsprites", image_size=16)
    calls = {
        "run_suite": lambda: run_suite(ByHand(), data, AttackConfig()),
        "evaluate": lambda: evaluate(ByHand(), data),
        "open_subject": lambda: open_subject(ByHand()),
        "share": lambda: share(ByHand(), tmp_path / "out"),
        "write_report": lambda: write_report([ByHand()], tmp_path / "page.html"),
    }
    for name, call in calls.items():
        with pytest.raises(ConfigError, match=r"a ByHand is no (subject|run): give ") as caught:
            call()
        assert "\n" not in str(caught.value), name


def test_a_module_may_return_a_torch_normal():
    net = nn.Linear(16, 6)

    class Net(nn.Module):
        def encode(self, x):
            mean, spread = net(x.flatten(1)).chunk(2, dim=1)
            return torch.distributions.Normal(mean, spread.exp())

        def decode(self, z):
            return torch.cat([z] * 6, dim=1)[:, :16].view(-1, *SHAPE)

    check_autoencoder(wrap(Net(), SHAPE))
