"""Figure E.11: the attacker's loss against disentanglement."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Attack, Experiment, Member
from seatbelt_vae.paper.figure_kinds import GAP, Scatter
from seatbelt_vae.paper.paper_model import single
from seatbelt_vae.paper.sizes import Size

__all__ = ["FIGE11"]

_LATENTS = (8, 32)


def _members(size: Size) -> Iterator[Member]:
    sizes = [latents for latents in size.latents if latents in _LATENTS] or size.latents
    for data in size.sets("figE11", "faces", "chairs"):
        for latents in sizes:
            for beta in size.betas:
                for seed in size.seeds_of(data, beta, usual=latents == size.latent_size):
                    yield Member(
                        f"β-TCVAE, d_z = {latents}",
                        single(data, "beta-tcvae", beta, latents, seed),
                    )


FIGE11 = Experiment(
    id="figE11",
    title="Robustness against the mutual information gap",
    published=(
        "There is no simple relation between disentanglement, as the MIG measures it, and "
        "robustness."
    ),
    members=_members,
    attacks=(Attack(),),
    optional_metrics=("mig",),
    figures=(
        Scatter("delta", "mig", "delta_mean", ("MIG", "Δ (KL), nats"), logarithmic=True),
        Scatter("bound", "mig", "bound_mean", ("MIG", "B, nats"), logarithmic=True),
        Scatter("gap", "mig", GAP, ("MIG", "gap within ε = 0.2")),
    ),
    claims=("C9",),
)
