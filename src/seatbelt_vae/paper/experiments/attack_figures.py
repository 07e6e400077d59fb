"""Figures of attacks: images, objectives and gaps against β, layers, disentanglement."""

from collections.abc import Iterator
from dataclasses import replace

from seatbelt_vae.paper.experiment import Experiment, Member, PaperAttack, models_of_series
from seatbelt_vae.paper.figure_kinds import (
    ATTACK_IMAGES,
    GAP_CURVES,
    GAP_FIGURES,
    Curves,
    Scatter,
    delta_curves,
)
from seatbelt_vae.paper.quantities import (
    BLEND,
    COPY,
    GAP,
    NLL_FLOOR,
    OVER_LEVELS,
    OWN_GAP,
    attack_rows,
)
from seatbelt_vae.paper.sizes import Size

__all__ = [
    "ABLATION",
    "FIG1",
    "FIG3",
    "FIG4",
    "FIG5",
    "FIGD8",
    "FIGE9",
    "FIGE11",
    "LOSSES",
    "loss_curves",
]

_LAYERS = {"bottom": "z¹", "top": "z^L", "all": "all layers"}
LOSSES = {  # name in figures, and unit
    "latent-kl": ("kl", "nats"),
    "output": ("output", "nats"),
    "latent-w2": ("w2", "latent distance"),
}
_ROTATED_LATENTS, _MIG_LATENTS = 64, (8, 32)


def _fig1(size: Size) -> Iterator[Member]:
    for series in ("VAE", "β-TCVAE", "Seatbelt-VAE"):
        betas = (1 if series == "VAE" else size.most_beta,)
        yield from models_of_series(
            size, series, size.sets("fig1", "celeba"), betas=betas, seeds=(0,)
        )


def _fig4(size: Size) -> Iterator[Member]:
    latents = [latents for latents in size.latents if latents == _ROTATED_LATENTS]
    yield from models_of_series(size, "β-TCVAE", ("dsprites",), latents, betas=(1, 2), seeds=(0,))
    yield from models_of_series(size, "Seatbelt-VAE", ("dsprites",), (2,), betas=(1, 2), seeds=(0,))


def _fig5(size: Size) -> Iterator[Member]:
    sets = size.sets("fig5", "faces", "chairs")
    yield from models_of_series(size, "β-TCVAE", sets, size.averaged_latents)
    yield from models_of_series(size, "Seatbelt-VAE", sets)


def _mig(size: Size) -> Iterator[Member]:
    latents = [latents for latents in size.latents if latents in _MIG_LATENTS]
    sets = size.sets("figE11", "faces", "chairs")
    yield from models_of_series(size, "β-TCVAE, d_z = {}", sets, latents or size.latents)


def _ablation(size: Size) -> Iterator[Member]:
    for series in ("TC-DLGM", "Seatbelt-VAE"):
        betas = (size.least_beta, size.most_beta)
        yield from models_of_series(size, series, size.sets("ablation", "chairs"), betas=betas)


FIG1 = Experiment(
    id="fig1",
    title="Latent attacks on three models",
    published=(
        "On CelebA the attack turns the VAE's reconstruction into the target's; the β-TCVAE's "
        "becomes neither image's, and the Seatbelt-VAE's stays with the input."
    ),
    members=_fig1,
    attacks=(PaperAttack(),),
    figures=(ATTACK_IMAGES,),
)

FIG3 = Experiment(
    id="fig3",
    title="The attacker's loss against β",
    published=(
        "The attacker's mean Δ is 18 to 7,000 times as large at β = 10 as at β = 1, over all d_z."
    ),
    members=lambda size: models_of_series(
        size, "β-TCVAE", size.sets("fig3", "dsprites", "chairs", "faces"), size.latents
    ),
    attacks=(PaperAttack(),),
    figures=(delta_curves("delta", "Δ (KL), nats", published="fig3.delta_kl"), GAP_CURVES),
    claims=("C1",),
)

FIG4 = Experiment(
    id="fig4",
    title="Attacks on one factor: a heart and the same heart rotated",
    published=(
        "Turning a heart by an attack works on the models at β = 1; those at β = 2, and "
        "Seatbelt-VAEs above all, resist."
    ),
    members=_fig4,
    attacks=(PaperAttack(vary="orientation", among="shape=heart"),),
    figures=(replace(ATTACK_IMAGES, where="vary = 'orientation'"),),
)


def loss_curves(loss: str, short: str, unit: str) -> tuple[Curves, Curves, Curves]:
    """Likelihood, Δ and gap under the attacks with one loss."""
    where = attack_rows(loss)
    nll = Curves(
        f"nll_{short}",
        "nll_target",
        f"−log p(xₜ|z*), nats, {loss}",
        where=where,
        references=(NLL_FLOOR,),
    )
    return (
        replace(nll, published=f"fig5.*.nll_{short}"),
        delta_curves(f"delta_{short}", f"Δ ({loss}), {unit}", where, f"fig5.*.delta_{short}"),
        Curves(
            f"own_gap_{short}",
            OWN_GAP,
            f"gap within ε = 0.2 by {loss} alone",
            where=where,
            references=(BLEND, COPY),
        ),
    )


FIG5 = Experiment(
    id="fig5",
    title="Three attacks on β-TCVAEs and Seatbelt-VAEs",
    published=(
        "Under the KL attack Δ of the Seatbelt-VAE grows by a factor of about 10⁷, with a jump "
        "between β = 2 and 4, and its −log p(xₜ|z*) doubles; β-TCVAEs gain less. Models with a "
        "TC penalty beat those at β = 1 under all three attacks."
    ),
    members=_fig5,
    attacks=tuple(PaperAttack(loss) for loss in LOSSES),
    figures=(
        *GAP_FIGURES,
        *(curves for loss, words in LOSSES.items() for curves in loss_curves(loss, *words)),
    ),
    claims=("C2", "C3", "C4"),
)

FIGD8 = Experiment(
    id="figD8",
    title="Attacking the bottom layer, the top layer, or all",
    published=(
        "Attacking all layers gives the attacker a slight advantage over attacking z¹ or z^L alone."
    ),
    members=lambda size: models_of_series(
        size, "Seatbelt-VAE, L = {}", size.sets("figD8", "faces", "chairs"), size.attacked_depths
    ),
    attacks=tuple(PaperAttack(layers=layers) for layers in _LAYERS),
    figures=tuple(
        Curves(
            f"nll_{layers}",
            "nll_target",
            f"−log p(xₜ|z*), nats, attacking {words}",
            where=attack_rows(layers=layers),
        )
        for layers, words in _LAYERS.items()
    ),
    claims=("C7",),
)


def _distances(loss: str, short: str) -> tuple[Curves, ...]:
    where, attack = attack_rows(loss), f"{short} attack"
    over = Curves("target_distance", "target_distance", "‖x* − xₜ‖", source=OVER_LEVELS)
    shown = (
        Curves("target_error", "target_error", "‖rec(x*) − xₜ‖"),
        Curves("distance", "distance", "‖x* − x‖"),
        over,
    )
    return (
        *(
            replace(c, name=f"{c.name}_{short}", label=f"{c.label}, {attack}", where=where)
            for c in shown
        ),
        delta_curves(f"delta_{short}", f"Δ, {attack}, nats", where),
    )


FIGE9 = Experiment(
    id="figE9",
    title="Latent attacks compared with output attacks",
    published=(
        "Output attacks are less effective than latent ones, and what β gains is more than what "
        "it costs in reconstruction."
    ),
    members=lambda size: models_of_series(
        size, "β-TCVAE", size.sets("figE9", "dsprites", "chairs", "faces"), size.averaged_latents
    ),
    attacks=(PaperAttack("latent-kl"), PaperAttack("output")),
    figures=(
        *_distances("latent-kl", "latent"),
        *_distances("output", "output"),
        Curves("reconstruction", "target_reconstruction_error", "‖rec(xₜ) − xₜ‖: the cost of β"),
    ),
    claims=("C8",),
)

FIGE11 = Experiment(
    id="figE11",
    title="Robustness against the mutual information gap",
    published=(
        "There is no simple relation between disentanglement, as the MIG measures it, and "
        "robustness."
    ),
    members=_mig,
    attacks=(PaperAttack(),),
    optional_metrics=("mig",),
    figures=(
        Scatter("delta", "mig", "delta_mean", "MIG", "Δ (KL), nats", logarithmic=True),
        Scatter("bound", "mig", "bound_mean", "MIG", "B, nats", logarithmic=True),
        Scatter("gap", "mig", GAP, "MIG", "gap within ε = 0.2"),
    ),
    claims=("C9",),
)

ABLATION = Experiment(
    id="ablation",
    title="The TC penalty with a chain likelihood",
    published=(
        "A TC penalty on a DLGM, whose decoder reads the bottom layer only, leaves it easy to "
        "attack."
    ),
    members=_ablation,
    attacks=(PaperAttack(),),
    figures=(
        delta_curves("delta", "Δ (KL), nats"),
        GAP_CURVES,
        Curves("nll", "nll_target", "−log p(xₜ|z*), nats"),
    ),
    claims=("C12",),
)
