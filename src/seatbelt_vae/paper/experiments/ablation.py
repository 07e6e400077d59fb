"""The ablation of appendix C: a TC penalty on a DLGM, whose decoder reads z¹ only."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Attack, Experiment, Member
from seatbelt_vae.paper.figure_kinds import GAP_CURVES, TRIVIAL, Curves
from seatbelt_vae.paper.paper_model import layered
from seatbelt_vae.paper.sizes import Size

__all__ = ["ABLATION"]


def _members(size: Size) -> Iterator[Member]:
    (data,) = size.sets("ablation", "chairs")
    for beta in (size.least_beta, size.most_beta):
        for seed in size.seeds_of(data, beta):
            yield Member("TC-DLGM", layered(data, "tc-dlgm", beta, size.depth, seed))
            yield Member("Seatbelt-VAE", layered(data, "seatbelt", beta, size.depth, seed))


ABLATION = Experiment(
    id="ablation",
    title="The TC penalty with a chain likelihood",
    published=(
        "A TC penalty on a DLGM, whose decoder reads the bottom layer only, leaves it easy to "
        "attack."
    ),
    members=_members,
    attacks=(Attack(),),
    figures=(
        Curves("delta", "delta_mean", "Δ (KL), nats", logarithmic=True, references=(TRIVIAL,)),
        GAP_CURVES,
        Curves("nll", "nll_target", "−log p(x_t|z*), nats"),
    ),
    claims=("C12",),
)
