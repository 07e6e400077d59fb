"""``hmc:T``: codes move towards the true posterior by T transitions of Hamiltonian Monte Carlo."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.defences.wrapper import Wrapper
from seatbelt_vae.protocol import Capabilities, Noise, Posterior, draw_noise

__all__ = ["HamiltonianMonteCarlo"]

_LEAPFROG_STEPS = 5


@dataclass(frozen=True, eq=False)
class HamiltonianMonteCarlo(Wrapper):
    r"""Codes after T transitions of HMC on :math:`p(z|x) \propto p(x|z)\,p(z)`.

    The chain starts at the encoder's code. Momenta are scaled by the standard deviations of
    :math:`q(z|x)`, and each transition has 5 leapfrog steps. Gradients flow through the chain; the
    acceptance of a proposal is constant almost everywhere.

    Args:
        transitions: T.
        step_size: leapfrog step, in standard deviations of the posterior.

    Source: Kuzina, Welling & Tomczak (2022), "Alleviating adversarial attacks on variational
    autoencoders with MCMC".
    """

    transitions: int
    step_size: float = 0.2

    needs = ("posterior", "prior", "likelihood")
    random = True

    @property
    def capabilities(self) -> Capabilities:
        """Those of the inner model; codes are no draws of its layers."""
        return self._capabilities(reparameterised=False)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The posterior of the inner model, with the last codes of the chain."""
        wanted, generator = torch.is_grad_enabled(), self.generator()
        with torch.enable_grad():
            posterior = self.inner.encode(x if wanted else x.detach(), noise)
            scales = [
                q.std.expand_as(z) for q, z in zip(posterior.layers, posterior.z, strict=True)
            ]
            z = [code if code.requires_grad else code.requires_grad_() for code in posterior.z]
            rows = 1 if not self.fresh else len(x)
            for _ in range(self.transitions):
                momenta = draw_noise(self.latent_sizes, (rows,), generator, like=x)
                chance = torch.rand(rows, generator=generator).to(x)
                z = self._transition(x, z, scales, momenta, chance.log(), wanted)
        return Posterior(posterior.layers, tuple(z if wanted else (part.detach() for part in z)))

    def _transition(
        self,
        x: Tensor,
        z: Sequence[Tensor],
        scales: Sequence[Tensor],
        momenta: Sequence[Tensor],
        log_chance: Tensor,
        wanted: bool,
    ) -> list[Tensor]:
        """The codes after one transition, with momenta in units of 1/scale."""
        moved, p = list(z), [part.expand_as(code) for part, code in zip(momenta, z, strict=True)]
        value, slope = self._log_joint(x, moved, scales, wanted)
        before, step = value - _kinetic(p), self.step_size
        for _ in range(_LEAPFROG_STEPS):
            p = [a + 0.5 * step * b for a, b in zip(p, slope, strict=True)]
            moved = [a + step * s * b for a, s, b in zip(moved, scales, p, strict=True)]
            value, slope = self._log_joint(x, moved, scales, wanted)
            p = [a + 0.5 * step * b for a, b in zip(p, slope, strict=True)]
        accepted = (log_chance < value - _kinetic(p) - before).detach()[..., None]
        return [torch.where(accepted, new, old) for new, old in zip(moved, z, strict=True)]

    def _log_joint(
        self, x: Tensor, z: Sequence[Tensor], scales: Sequence[Tensor], wanted: bool
    ) -> tuple[Tensor, list[Tensor]]:
        r""":math:`\log p(x, z)`, nats per example, and its gradient times the scales."""
        if not wanted:
            z = [part.detach().requires_grad_() for part in z]
        priors = self.inner.prior(z)
        value = self.inner.decode(z).log_prob(x)
        value = value + sum(p.log_prob(part) for p, part in zip(priors, z, strict=True))
        gradients = torch.autograd.grad(value.sum(), z, create_graph=wanted)
        return value, [s * g for s, g in zip(scales, gradients, strict=True)]


def _kinetic(momenta: Sequence[Tensor]) -> Tensor:
    """Half of the squared norm of all momenta."""
    return torch.stack([0.5 * part.square().sum(-1) for part in momenta]).sum(0)
