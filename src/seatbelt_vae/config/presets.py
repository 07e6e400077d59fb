"""Presets: an architecture and the penalties of its objective. torch is not imported."""

from collections.abc import Callable
from dataclasses import dataclass

from seatbelt_vae.config.checks import one_of
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.references import resolve_reference

__all__ = [
    "KL",
    "PRESETS",
    "Penalty",
    "Preset",
    "check_preset",
    "one",
    "preset_of",
    "summary_of",
]


def one(_beta: float) -> float:
    """The weight 1 for every β."""
    return 1


def _beta(beta: float) -> float:
    return beta


def _excess(beta: float) -> float:
    return beta - 1


@dataclass(frozen=True)
class Penalty:
    """A term that an objective subtracts: its name, formula, weight and warm-up.

    Args:
        name: a unique name.
        formula: the value, in nats per example; ``{top}`` is replaced by the code's symbol.
        loss: the class of the `PenaltyLoss`, or its ``package.module:attribute``; empty for the KL,
            which every objective computes.
        weight: maps β to the weight (default: β − 1), or names the setting of `ObjectiveConfig`
            that holds the weight.
        description: sentences for the model card, with ``{top}`` and settings in braces.
        warm_up: the setting of `ObjectiveConfig` that holds the number of warm-up steps.
        settings: other settings of `ObjectiveConfig` that only this penalty reads.
        metric: the name of the value among the metrics (default: the penalty's name).

    Example:
        >>> Penalty("code-norm", "‖{top}‖²", "my_package.penalties:CodeNorm").weight_at(4.0)
        3.0
    """

    name: str
    formula: str
    loss: str | type = ""
    weight: Callable[[float], float] | str = _excess
    description: str = ""
    warm_up: str | None = None
    settings: tuple[str, ...] = ()
    metric: str = ""

    def reads(self, setting: str) -> bool:
        """Whether a setting of `ObjectiveConfig` other than β acts on this penalty."""
        return setting in (self.warm_up, self.weight, *self.settings)

    def weight_at(self, beta: float, settings: object = None) -> float:
        """The weight for β and an `ObjectiveConfig`."""
        if isinstance(self.weight, str):
            return float(getattr(settings, self.weight))
        return self.weight(beta)


KL = Penalty("kl", "KL(q(z|x) ‖ p(z))", weight=one, warm_up="kl_warm_up")
_BETA_KL = Penalty(
    "beta-kl",
    KL.formula,
    weight=_beta,
    description="β weighs the whole divergence from the prior; at β = 1 this is the ELBO.",
    warm_up="kl_warm_up",
)
_TC_IS = (
    "TC({top}) is the total correlation of the aggregate posterior, of the top layer if there are "
    "several; at β = 1 the objective is the ELBO. "
)
_LOSSES = "seatbelt_vae.objectives.penalties."
_TC = Penalty(
    "tc",
    "TC({top})",
    _LOSSES + "minibatch_tc:MinibatchTC",
    description=_TC_IS + "In training it was estimated from the minibatch by {tc_estimator}.",
    warm_up="tc_warm_up",
    settings=("tc_estimator",),
    metric="total_correlation",
)
_FACTOR = Penalty(
    "factor",
    "TC({top})",
    _LOSSES + "discriminator_tc:DiscriminatorTC",
    description=_TC_IS
    + "In training a discriminator estimated it (Kim & Mnih 2018); it is no part of the model.",
    warm_up="tc_warm_up",
    metric="total_correlation",
)


@dataclass(frozen=True)
class Preset:
    """An architecture and the objective E log p(x|z) − weight · KL − Σ weight · penalty.

    Args:
        summary: one line for help texts and reports.
        penalties: penalties besides the KL.
        divergence: the KL, of weight 1 or β.
        beta: the default β; 1 is the ELBO.
        hierarchical: more than one layer by default.
        chain_likelihood: the decoder reads z¹ only (the DLGM ablation), not every layer.
    """

    summary: str
    penalties: tuple[Penalty, ...] = ()
    divergence: Penalty = KL
    beta: float = 1.0
    hierarchical: bool = False
    chain_likelihood: bool = False

    @property
    def weighed(self) -> tuple[Penalty, ...]:
        """The penalties that β weighs; empty if the objective is the ELBO."""
        kl = () if self.divergence == KL else (self.divergence,)
        return (*kl, *self.penalties)

    @property
    def architecture(self) -> tuple[bool, bool]:
        """Whether the preset is hierarchical, and whether its decoder reads z¹ only."""
        return self.hierarchical, self.chain_likelihood

    @property
    def objective(self) -> str:
        """Names of the penalties that β weighs, joined by ``+``; ``elbo`` without any."""
        return "+".join(penalty.name for penalty in self.weighed) or "elbo"

    def reads(self, setting: str) -> bool:
        """Whether a setting of `ObjectiveConfig` other than β acts on a penalty."""
        return any(penalty.reads(setting) for penalty in (self.divergence, *self.penalties))


PRESETS = {
    "vae": Preset("the plain VAE: the ELBO"),
    "beta-vae": Preset("E log p(x|z) − β·KL (Higgins 2017)", divergence=_BETA_KL, beta=4.0),
    "beta-tcvae": Preset("ELBO − (β−1)·TC(z) (Chen 2018)", (_TC,), beta=6.0),
    "factor-vae": Preset(
        "ELBO − (β−1)·TC(z), TC by a discriminator (Kim & Mnih 2018)", (_FACTOR,), beta=6.0
    ),
    "hvae": Preset("the hierarchical baseline: Seatbelt at β = 1", hierarchical=True),
    "seatbelt": Preset(
        "hierarchical, ELBO − (β−1)·TC(z^L) (Willetts 2021)", (_TC,), beta=6.0, hierarchical=True
    ),
    "dlgm": Preset(
        "hierarchical with chain likelihood p(x|z¹)", hierarchical=True, chain_likelihood=True
    ),
    "tc-dlgm": Preset(
        "chain likelihood with the TC penalty on z^L",
        (_TC,),
        beta=6.0,
        hierarchical=True,
        chain_likelihood=True,
    ),
}


def check_preset(name: str) -> None:
    """Raise unless a name is known or has the form ``package.module:attribute``.

    The module of a custom preset is not imported, so that its runs are listed without it.

    Raises:
        ConfigError: an unknown name.
    """
    if ":" not in name:
        one_of("preset", name, PRESETS)


def preset_of(name: str) -> Preset:
    """The preset of a name, or a custom preset at ``package.module:attribute``.

    Example:
        >>> preset_of("seatbelt").objective
        'tc'

    Raises:
        ConfigError: an unknown name, or a reference to another object.
    """
    check_preset(name)
    if name in PRESETS:
        return PRESETS[name]
    preset = resolve_reference(name)
    if not isinstance(preset, Preset):
        raise ConfigError(
            f"preset {name!r} is a {type(preset).__name__}, expected a seatbelt_vae.Preset"
        )
    return preset


def summary_of(name: str) -> str:
    """The summary of a preset; the name of a custom preset that cannot be imported."""
    try:
        return preset_of(name).summary
    except ConfigError:
        return name
