"""The frontier of defences: robustness against likelihood and reconstruction."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from seatbelt_vae.config import ObjectiveConfig
from seatbelt_vae.paper.defence_sizes import DEFENCE_SIZES
from seatbelt_vae.paper.experiment import Experiment, Member, PaperAttack
from seatbelt_vae.paper.figure_kinds import PROBES
from seatbelt_vae.paper.frontier import Excess, Frontier
from seatbelt_vae.paper.paper_model import Model, multi_layer, single_layer
from seatbelt_vae.paper.sizes import Size

__all__ = ["DEFENCES", "PROBED_DEFENCES"]

_RADII = (0.1, 0.2, 0.3)
_USUAL_RADIUS = 0.2
_WARM_UP = 0.4
"""Share of the steps over which the radius of a training defence rises."""


def _members(size: Size) -> Iterator[Member]:
    for data in size.sets("defences", "faces", "chairs", "celeba"):
        for seed in size.seeds:
            for series, model in _models(size, data, seed):
                yield Member(series, model)


def _models(size: Size, data: str, seed: int) -> Iterator[tuple[str, Model]]:
    """Every kind of model with its name: without a defence first."""
    d, beta = size.latent_size, size.most_beta
    steps = size.training.steps or 0

    def defended(model: Model, kind: str, variant: str = "", **settings: Any) -> Model:
        if kind != "encoder-jacobian":
            settings["defence_warm_up"] = round(_WARM_UP * steps)
        name = "-".join(filter(None, (kind, variant)))
        return replace(model, defence=name, objective=ObjectiveConfig(defence=(kind,), **settings))

    def denoising(model: Model, radius: float = _USUAL_RADIUS) -> Model:
        return defended(model, "denoising-adversarial", f"{radius:g}", defence_radius=radius)

    plain = single_layer(data, "vae", 1, d, seed)
    others = {
        f"hierarchy, L = {depth}": multi_layer(data, "hvae", 1, depth, seed)
        for depth in size.depths
    }
    others["β-TCVAE"] = single_layer(data, "beta-tcvae", beta, d, seed)
    others["Seatbelt-VAE"] = multi_layer(data, "seatbelt", beta, size.depth, seed)
    yield "VAE", plain
    yield from others.items()
    for radius in _RADII:
        yield f"VAE + denoising {radius:g}", denoising(plain, radius)
    for name, model in others.items():
        yield f"{name} + denoising {_USUAL_RADIUS:g}", denoising(model)
    for source in ("gaussian", "delusion", "adversarial"):
        coupled = defended(plain, "coupled-encoder", source, coupling_source=source)
        yield f"coupled encoder, {source}", coupled
    yield "encoder Jacobian", defended(plain, "encoder-jacobian")
    yield "Lipschitz network", replace(plain, defence="lipschitz", network="lipschitz")
    yield "hardened encoder", replace(plain, defence="hardened", hardened=True)


_ORDER = tuple(dict.fromkeys(name for name, _ in _models(DEFENCE_SIZES["medium"], "faces", 0)))
_MEASURES = {"elbo": "ELBO at β = 1, nats", "unexplained_variance": "unexplained variance"}

DEFENCES = Experiment(
    id="defences",
    title="Gaps under attack against the cost of a defence",
    published="",
    members=_members,
    attacks=(PaperAttack("output-l2"),),
    linear_reference=True,
    figures=(
        Excess(name="excess", label="gap above 1 − ε, that of a copy of the input", order=_ORDER),
        *(
            Frontier(
                name=f"{measure}-{epsilon:g}",
                label=f"gap within ε = {epsilon:g}",
                order=_ORDER,
                measure=measure,
                x_label=x_label,
                epsilon=epsilon,
            )
            for epsilon in (0.2, 0.1, 0.3)
            for measure, x_label in _MEASURES.items()
        ),
    ),
)

_PROBED = (
    *("VAE", "VAE + denoising 0.2", "Seatbelt-VAE", "Seatbelt-VAE + denoising 0.2"),
    "hardened encoder",
)

PROBED_DEFENCES = Experiment(
    id="defended-probes",
    title="Probes of codes and reconstructions under attack, with and without a defence",
    published="",
    members=lambda size: (member for member in _members(size) if member.series in _PROBED),
    optional_metrics=("probes",),
    classified={"faces": "lighting", "chairs": "model", "celeba": "Smiling", "dsprites": "shape"},
    figures=(PROBES,),
)
