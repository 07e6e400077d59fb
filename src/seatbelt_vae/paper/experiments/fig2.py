"""Figure 2: posterior width ‖σ(x)‖ and likelihood under two penalties."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Experiment, Member
from seatbelt_vae.paper.figure_kinds import Densities, evaluation_curves
from seatbelt_vae.paper.paper_model import single
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
        evaluation_curves("log_likelihood", "log p(x|z), nats", "fig2.*.log_px_z"),
        evaluation_curves("elbo", "ELBO at β = 1, nats", "fig2.*.elbo"),
    ),
    claims=("C6",),
)
