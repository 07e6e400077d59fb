"""Figure 1: images of the best attack on three models."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Attack, Experiment, Member
from seatbelt_vae.paper.figure_kinds import Panels
from seatbelt_vae.paper.paper_model import layered, single
from seatbelt_vae.paper.sizes import Size

__all__ = ["FIG1"]


def _members(size: Size) -> Iterator[Member]:
    (data,) = size.sets("fig1", "celeba")
    yield Member("VAE", single(data, "vae", 1, size.latent_size))
    yield Member("β-TCVAE", single(data, "beta-tcvae", size.most_beta, size.latent_size))
    yield Member("Seatbelt-VAE", layered(data, "seatbelt", size.most_beta, size.depth))


FIG1 = Experiment(
    id="fig1",
    title="Latent attacks on three models",
    published=(
        "On CelebA the attack turns the VAE's reconstruction into the target's; the β-TCVAE's "
        "becomes neither image's, and the Seatbelt-VAE's stays with the input."
    ),
    members=_members,
    attacks=(Attack(),),
    figures=(Panels("attacks"),),
)
