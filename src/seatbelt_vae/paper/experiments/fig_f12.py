"""Figure F.12: the likelihood of clean images, encoded with added noise."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Experiment, Member
from seatbelt_vae.paper.figure_kinds import Densities
from seatbelt_vae.paper.paper_model import layered, single
from seatbelt_vae.paper.sizes import Size

__all__ = ["FIGF12"]


def _members(size: Size) -> Iterator[Member]:
    (data,) = size.sets("figF12", "chairs")
    for beta in size.betas:
        for seed in size.seeds_of(data, beta):
            yield Member("β-TCVAE", single(data, "beta-tcvae", beta, size.latent_size, seed))
            yield Member("Seatbelt-VAE", layered(data, "seatbelt", beta, size.depth, seed))


FIGF12 = Experiment(
    id="figF12",
    title="Likelihood of clean images encoded with added noise",
    published=("With β > 1 clean images stay far more likely when the encoder's input is noisy."),
    members=_members,
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
