"""Figures and tables of models: likelihood, posterior, reconstructions, classifiers."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Experiment, Member, models_of_series
from seatbelt_vae.paper.figure_kinds import (
    CLOUDS,
    RATES,
    RECONSTRUCTIONS,
    Densities,
    evaluation_curves,
)
from seatbelt_vae.paper.sizes import Size

__all__ = ["FIG2", "FIG6", "FIGA7", "FIGF12", "TABLE1"]

_LEAST_LATENTS, _PANEL_C_BETA = 32, 20


def _fig6(size: Size) -> Iterator[Member]:
    wide = [latents for latents in size.latents if latents >= _LEAST_LATENTS]
    sets = size.sets("fig6", "chairs", "faces")
    yield from models_of_series(size, "β-TCVAE", sets, wide)
    yield from models_of_series(size, "Seatbelt-VAE", sets, size.depths)
    # panel (c) shows reconstructions of CelebA and has no stand-in
    if size.actual("celeba") == "celeba":
        for series in ("β-TCVAE", "Seatbelt-VAE"):
            yield from models_of_series(size, series, ("celeba",), betas=(_PANEL_C_BETA,))


FIG2 = Experiment(
    id="fig2",
    title="Posterior breadth and likelihood of β-VAE and β-TCVAE",
    published=(
        "On CelebA the β-VAE's ‖σ(x)‖ settles at one value where the β-TCVAE's keeps a broad "
        "range, and likelihood and ELBO fall less with β for the β-TCVAE."
    ),
    members=lambda size: (
        *models_of_series(size, "β-VAE", size.sets("fig2", "celeba")),
        *models_of_series(size, "β-TCVAE", size.sets("fig2", "celeba")),
    ),
    figures=(
        Densities("sigma", "sigma_norm[1]", "‖σ(x)‖₂", "sigma USING (run)"),
        evaluation_curves("log_likelihood", "log p(x|z), nats", "fig2.*.log_px_z"),
        evaluation_curves("elbo", "ELBO at β = 1, nats", "fig2.*.elbo"),
    ),
    claims=("C6",),
)

FIG6 = Experiment(
    id="fig6",
    title="The ELBO at β = 1 of models trained with larger β",
    published="The ELBO falls with β, less for Seatbelt-VAEs than for β-TCVAEs.",
    members=_fig6,
    figures=(
        evaluation_curves("elbo", "ELBO at β = 1, nats", "fig6.*.elbo"),
        RECONSTRUCTIONS,
    ),
    claims=("C5",),
)

TABLE1 = Experiment(
    id="table1",
    title="Classifiers on reconstructions and on codes, clean and under attack",
    published=(
        "With the Seatbelt-VAE all three classifiers keep the highest accuracy under attack and "
        "lose least; the data set is not named."
    ),
    members=lambda size: (
        member
        for series in ("VAE", "β-TCVAE", "Seatbelt-VAE")
        for member in models_of_series(
            size,
            series,
            ("fashion-mnist",),
            betas=(1 if series == "VAE" else size.most_beta,),
            seeds=size.seeds_of("fashion-mnist", size.most_beta),
        )
    ),
    optional_metrics=("downstream",),
    figures=(RATES,),
    claims=("C11",),
)

FIGA7 = Experiment(
    id="figA7",
    title="The aggregate posterior of the Swiss roll, and its reconstructions",
    published=(
        "Codes overlap more as β grows; the β-VAE's reconstructions end in collapse, the "
        "β-TCVAE's keep the roll."
    ),
    members=lambda size: (
        *models_of_series(size, "VAE", ("swiss-roll",), (2,), betas=(1,)),
        *models_of_series(size, "β-VAE", ("swiss-roll",), (2,), betas=size.roll_betas),
        *models_of_series(size, "β-TCVAE", ("swiss-roll",), (2,), betas=size.roll_betas),
    ),
    optional_metrics=("codes",),
    figures=(CLOUDS,),
)

FIGF12 = Experiment(
    id="figF12",
    title="Likelihood of clean images encoded with added noise",
    published=("With β > 1 clean images stay far more likely when the encoder's input is noisy."),
    members=lambda size: (
        *models_of_series(size, "β-TCVAE", size.sets("figF12", "chairs")),
        *models_of_series(size, "Seatbelt-VAE", size.sets("figF12", "chairs")),
    ),
    optional_metrics=("denoising",),
    figures=(
        Densities(
            "denoising",
            "log_likelihood",
            "log p(x|z), z ~ q(z|x + aε), nats",
            "denoising USING (run)",
            panel="'a = ' || sigma",
            where="sigma > 0",
        ),
    ),
    claims=("C10",),
)
