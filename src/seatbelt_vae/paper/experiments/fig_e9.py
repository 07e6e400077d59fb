"""Figure E.9: latent and output attacks compared by distances between images."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Attack, Experiment, Member
from seatbelt_vae.paper.figure_kinds import TRIVIAL, Curves, attack_rows
from seatbelt_vae.paper.paper_model import single
from seatbelt_vae.paper.sizes import Size

__all__ = ["FIGE9"]

_LOSSES = {"latent-kl": "latent", "output": "output"}

_OVER_LEVELS = (
    "(SELECT run, suite, pair, avg(target_distance ORDER BY level) AS target_distance "
    "FROM attacks GROUP BY ALL) AS means USING (run) JOIN suites USING (run, suite)"
)


def _members(size: Size) -> Iterator[Member]:
    for data in size.sets("figE9", "dsprites", "chairs", "faces"):
        for beta in size.betas:
            for seed in size.seeds_of(data, beta):
                for latents in size.averaged_latents:
                    yield Member("β-TCVAE", single(data, "beta-tcvae", beta, latents, seed))


def _curves(loss: str, short: str) -> Iterator[Curves]:
    where = attack_rows(loss)
    error, distance = f"‖rec(x*) − x_t‖, {short} attack", f"‖x* − x‖, {short} attack"
    yield Curves(f"target_error_{short}", "target_error", error, where=where)
    yield Curves(f"distance_{short}", "distance", distance, where=where)
    yield Curves(
        f"target_distance_{short}",
        "target_distance",
        f"‖x* − x_t‖, {short} attack",
        source=_OVER_LEVELS,
        where=where,
    )
    yield Curves(
        f"delta_{short}",
        "delta_mean",
        f"Δ, {short} attack, nats",
        where=where,
        logarithmic=True,
        references=(TRIVIAL,),
    )


_RECONSTRUCTION = Curves(
    "reconstruction", "target_reconstruction_error", "‖rec(x_t) − x_t‖: the cost of β"
)

FIGE9 = Experiment(
    id="figE9",
    title="Latent attacks compared with output attacks",
    published=(
        "Output attacks are less effective than latent ones, and what β gains is more than what "
        "it costs in reconstruction."
    ),
    members=_members,
    attacks=tuple(Attack(loss) for loss in _LOSSES),
    figures=(
        *(curves for pair in _LOSSES.items() for curves in _curves(*pair)),
        _RECONSTRUCTION,
    ),
    claims=("C8",),
)
