"""Figure 6: what β costs in likelihood, with one layer and with several."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Experiment, Member
from seatbelt_vae.paper.figures import Curves, Panels
from seatbelt_vae.paper.model import layered, single
from seatbelt_vae.paper.sizes import Size

__all__ = ["FIG6"]

_LEAST_LATENTS, _LOOKED_AT = 32, 20


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
    # panel (c), which only shows reconstructions, is of CelebA or of nothing
    if size.actual("celeba") == "celeba":
        first = size.seeds[0]
        yield Member("β-TCVAE", single("celeba", "beta-tcvae", _LOOKED_AT, size.latent_size, first))
        yield Member("Seatbelt-VAE", layered("celeba", "seatbelt", _LOOKED_AT, size.depth, first))


FIG6 = Experiment(
    id="fig6",
    title="The ELBO at β = 1 of models trained with larger β",
    published="The ELBO falls with β, less for Seatbelt-VAEs than for β-TCVAEs.",
    members=_members,
    figures=(
        Curves(
            "elbo",
            "elbo",
            "ELBO at β = 1, nats",
            source="evaluations USING (run)",
            where="TRUE",
            attacked=False,
            published="fig6.*.elbo",
        ),
        Panels("reconstructions", how="reconstructions"),
    ),
    claims=("C5",),
)
