"""Figure 3: the attacker's loss against β for β-TCVAEs of several sizes."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Attack, Experiment, Member
from seatbelt_vae.paper.figure_kinds import GAP_CURVES, TRIVIAL, Curves
from seatbelt_vae.paper.paper_model import single
from seatbelt_vae.paper.sizes import Size

__all__ = ["FIG3"]


def _members(size: Size) -> Iterator[Member]:
    for data in size.sets("fig3", "dsprites", "chairs", "faces"):
        for latents in size.latents:
            for beta in size.betas:
                for seed in size.seeds_of(data, beta, usual=latents == size.latent_size):
                    yield Member("β-TCVAE", single(data, "beta-tcvae", beta, latents, seed))


FIG3 = Experiment(
    id="fig3",
    title="The attacker's loss against β",
    published=(
        "The attacker's mean Δ is 18 to 7,000 times as large at β = 10 as at β = 1, over all d_z."
    ),
    members=_members,
    attacks=(Attack(),),
    figures=(
        Curves(
            "delta",
            "delta_mean",
            "Δ (KL), nats",
            logarithmic=True,
            published="fig3.delta_kl",
            references=(TRIVIAL,),
        ),
        GAP_CURVES,
    ),
    claims=("C1",),
)
