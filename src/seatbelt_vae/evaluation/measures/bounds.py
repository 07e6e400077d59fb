"""Bounds of the likelihood of held-out images, and their terms."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from seatbelt_vae.evaluation.measures.declaration import (
    CAPABILITIES,
    LATENT,
    Column,
    ModelMeasure,
)

if TYPE_CHECKING:
    from seatbelt_vae.evaluation.measure_input import MeasureInput

__all__ = ["BOUNDS"]

_measure = partial(ModelMeasure, unit="nats per image", needs=CAPABILITIES)


def _iwae(evaluated: "MeasureInput") -> Mapping[str, Any]:
    value = evaluated.held_out.iwae.mean().item()
    return {"iwae": value, "iwae_draws": evaluated.settings.iwae_draws}


def _divergences(evaluated: "MeasureInput") -> Mapping[str, Any]:
    return {"divergences": evaluated.held_out.divergences}


BOUNDS = (
    _measure(
        name="elbo",
        symbol="ELBO, β = 1",
        better="↑",
        formula=r"E_q\log p(x\mid z)-\sum_i\mathrm{KL}_i",
        definition="Evidence lower bound on test images, without β and without free bits.",
        compute=lambda evaluated: evaluated.held_out.elbo.mean().item(),
    ),
    _measure(
        name="iwae",
        symbol="IWAE",
        better="↑",
        formula=r"\log\frac1K\sum_k p(x,z_k)/q(z_k\mid x)",
        definition="The tighter importance-weighted bound.",
        compute=_iwae,
        stored=(
            Column("iwae", "DOUBLE", "The tighter importance-weighted bound."),
            Column("iwae_draws", "BIGINT", "K"),
        ),
    ),
    _measure(
        name="log_likelihood",
        symbol="E log p(x|z)",
        better="↑",
        formula=r"E_q\log p(x\mid z)",
        definition="Expected log-likelihood of the image under its own latents.",
        compute=lambda evaluated: evaluated.held_out.log_likelihood.mean().item(),
    ),
    _measure(
        name="divergences",
        needs=LATENT,
        symbol="KL to the prior",
        formula=r"\mathrm{KL}(q(z^i\mid z^{i-1},x)\,\Vert\,p(z^i\mid z^{i+1}))",
        definition="Divergence of the posterior from the prior, summed over layers.",
        compute=_divergences,
        stored=(Column("divergences", "DOUBLE[]", "KL to the prior, one value per layer"),),
        show=lambda found: sum(found["divergences"]) if "divergences" in found else None,
    ),
)
"""In the order of a report."""
