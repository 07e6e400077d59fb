"""Figure 6: the ELBO against β, with one layer and with several."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Experiment, Member
from seatbelt_vae.paper.figure_kinds import Panels, evaluation_curves
from seatbelt_vae.paper.paper_model import layered, single
from seatbelt_vae.paper.sizes import Size

__all__ = ["FIG6"]

_LEAST_LATENTS, _PANEL_C_BETA = 32, 20


def _members(size: Size) -> Iterator[Member]:
    wide = [latents for latents in size.latents if latents >= _LEAST_LATENTS] or [size.latent_size]
    for data in size.sets("fig6", "chairs", "faces"):
        for beta in size.betas:
            for latents in wide:
                for seed in size.seeds_of(data, beta, usual=latents == size.latent_size):
                    yield Member("β-TCVAE", single(data, "beta-tcvae", beta, latents, seed))
            for depth in size.depths:
                for seed in size.seeds_of(data, beta, usual=depth == size.depth):
                    yield Member("Seatbelt-VAE", layered(data, "seatbelt", beta, depth, seed))
    # panel (c) shows reconstructions of CelebA and has no stand-in
    if size.actual("celeba") == "celeba":
        beta, seed = _PANEL_C_BETA, size.seeds[0]
        yield Member("β-TCVAE", single("celeba", "beta-tcvae", beta, size.latent_size, seed))
        yield Member("Seatbelt-VAE", layered("celeba", "seatbelt", beta, size.depth, seed))


FIG6 = Experiment(
    id="fig6",
    title="The ELBO at β = 1 of models trained with larger β",
    published="The ELBO falls with β, less for Seatbelt-VAEs than for β-TCVAEs.",
    members=_members,
    figures=(
        evaluation_curves("elbo", "ELBO at β = 1, nats", "fig6.*.elbo"),
        Panels("reconstructions", how="reconstructions"),
    ),
    claims=("C5",),
)
