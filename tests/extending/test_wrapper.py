"""A defence outside the package maps a subject to a subject and is part of the attack."""

from dataclasses import replace

import torch

from seatbelt_vae import AttackConfig, attack, subject_of_model
from seatbelt_vae.protocol import Capabilities, Posterior
from seatbelt_vae.testing import check_autoencoder
from tests.attacks.models import Linear


class Averaged:
    """Decodes the average of codes of the input and of two shifted copies of it."""

    capabilities = Capabilities(reparameterised=False)

    def __init__(self, inner):
        self.inner = inner
        self.bounds, self.event_shape = inner.bounds, inner.event_shape
        self.latent_sizes, self.prior, self.decode = inner.latent_sizes, inner.prior, inner.decode

    def encode(self, x, noise=None):
        posterior = self.inner.encode(x, noise)
        shifted = [self.inner.encode((x + s).clamp(*self.bounds), noise).z for s in (-0.5, 0.5)]
        codes = zip(posterior.z, *shifted, strict=True)
        return Posterior(posterior.layers, tuple(torch.stack(z).mean(0) for z in codes))


def defended(subject):
    """The same subject behind the defence."""
    return replace(subject, model=Averaged(subject.model), kind="wrapped")


def test_a_wrapped_subject_conforms_and_its_codes_are_attacked():
    subject = defended(subject_of_model(Linear(), "plain"))
    check_autoencoder(subject.model)
    x, target = 4 * torch.rand(2, 1, 1, 4, 4, generator=torch.Generator().manual_seed(0)) - 2
    settings = AttackConfig("latent-l2", threat="l2", recheck=0)
    found = attack(subject.model, x, target, settings)
    codes = subject.model.encode(found.adversarial[0]).z[0]
    aimed = subject.model.encode(target).z[0]
    torch.testing.assert_close(
        found.divergence[0], (codes - aimed).norm(dim=1).double(), rtol=1e-5, atol=1e-5
    )
    inner = attack(subject.model.inner, x, target, settings)
    behind = subject.model.encode(inner.adversarial[0]).z[0]
    assert (found.divergence[0] <= (behind - aimed).norm(dim=1).double() + 1e-5).all()
