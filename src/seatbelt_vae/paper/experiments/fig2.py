"""Figure 2: how broad posteriors become, and what that costs, under two kinds of penalty."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Experiment, Member
from seatbelt_vae.paper.figures import Curves, Densities
from seatbelt_vae.paper.model import single
from seatbelt_vae.paper.sizes import Size

__all__ = ["FIG2"]

_PENALISED = {"β-VAE": "beta-vae", "β-TCVAE": "beta-tcvae"}


def _members(size: Size) -> Iterator[Member]:
    (data,) = size.sets("fig2", "celeba")
    for beta in size.betas:
        for seed in size.seeds_of(data, beta):
            for series, preset in _PENALISED.items():
                yield Member(series, single(data, preset, beta, size.latent_size, seed))


FIG2 = Experiment(
    id="fig2",
    title="Posterior breadth and likelihood of β-VAE and β-TCVAE",
    published=(
        "On CelebA the β-VAE's ‖σ(x)‖ settles at one value where the β-TCVAE's keeps a broad "
        "range, and likelihood and ELBO fall less with β for the β-TCVAE."
    ),
    members=_members,
    figures=(
        Densities("sigma", "sigma_norm[1]", "‖σ(x)‖₂", "sigma USING (run)"),
        Curves(
            "log_likelihood",
            "log_likelihood",
            "log p(x|z), nats",
            source="evaluations USING (run)",
            where="TRUE",
            attacked=False,
            published="fig2.*.log_px_z",
        ),
        Curves(
            "elbo",
            "elbo",
            "ELBO at β = 1, nats",
            source="evaluations USING (run)",
            where="TRUE",
            attacked=False,
            published="fig2.*.elbo",
        ),
    ),
    claims=("C6",),
)
