"""Figures of models that others trained, in place of models of this package."""

from dataclasses import replace

from seatbelt_vae.paper.experiment import Experiment, PaperAttack
from seatbelt_vae.paper.experiments.attack_figures import LOSSES, loss_curves
from seatbelt_vae.paper.figure_kinds import (
    ATTACK_IMAGES,
    GAP_FIGURES,
    Scatter,
    evaluation_curves,
)
from seatbelt_vae.paper.quantities import GAP

__all__ = ["PUBLIC"]

_PUBLISHED = {"delta_kl": "fig3.delta_kl"}
"""Figure 3 has more data sets than figure 5."""

PUBLIC = Experiment(
    id="public",
    title="Public models: gap, Δ and likelihood against β",
    published=(
        "In the paper's models Δ under the KL attack rises with β by a factor of 18 to 7,000. The "
        "public models have one layer and one training each; β = 1 is their plain VAE."
    ),
    members=lambda _: (),
    attacks=tuple(PaperAttack(loss) for loss in LOSSES),
    optional_metrics=("mig",),
    figures=(
        *GAP_FIGURES,
        *(
            replace(curves, published=_PUBLISHED.get(curves.name, curves.published))
            for loss, words in LOSSES.items()
            for curves in loss_curves(loss, *words)
        ),
        evaluation_curves("elbo", "ELBO at β = 1, nats", "fig6.*.elbo"),
        evaluation_curves("unexplained_variance", "unexplained variance", ""),
        evaluation_curves("tc_lower", "TC(z), nats", ""),
        replace(evaluation_curves("kl", "KL(q(z|x) ‖ p(z)), nats", ""), value="divergences[1]"),
        Scatter("mig", "mig", GAP, "MIG", "gap within ε = 0.2"),
        ATTACK_IMAGES,
    ),
    claims=("C1", "C4", "C9"),
)
"""The experiment of `reproduce_public`; its models are those of a folder."""
