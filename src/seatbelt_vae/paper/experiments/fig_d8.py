"""Figure D.8: attacks on one layer or on all of them."""

from collections.abc import Iterator

from seatbelt_vae.paper.experiment import Attack, Experiment, Member
from seatbelt_vae.paper.figure_kinds import Curves, attack_rows
from seatbelt_vae.paper.paper_model import layered
from seatbelt_vae.paper.sizes import Size

__all__ = ["FIGD8"]

_LAYERS = {"bottom": "z¹", "top": "z^L", "all": "all layers"}


def _members(size: Size) -> Iterator[Member]:
    for data in size.sets("figD8", "faces", "chairs"):
        for depth in size.attacked_depths:
            for beta in size.betas:
                for seed in size.seeds_of(data, beta, usual=depth == size.depth):
                    model = layered(data, "seatbelt", beta, depth, seed)
                    yield Member(f"Seatbelt-VAE, L = {depth}", model)


FIGD8 = Experiment(
    id="figD8",
    title="Attacking the bottom layer, the top layer, or all",
    published=(
        "Attacking all layers gives the attacker a slight advantage over attacking z¹ or z^L alone."
    ),
    members=_members,
    attacks=tuple(Attack(layers=layers) for layers in _LAYERS),
    figures=tuple(
        Curves(
            f"nll_{layers}",
            "nll_target",
            f"−log p(x_t|z*), nats, attacking {words}",
            where=attack_rows(layers=layers),
        )
        for layers, words in _LAYERS.items()
    ),
    claims=("C7",),
)
