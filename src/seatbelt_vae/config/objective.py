"""The settings of the objective: β, the TC estimator, free bits, warm-ups and defences."""

from dataclasses import dataclass
from typing import Literal

from seatbelt_vae.config.checks import at_least, one_of, positive
from seatbelt_vae.config.presets import preset_of
from seatbelt_vae.config.training_defences import (
    TRAINING_DEFENCES,
    defences_of,
    names_of,
    unread_settings,
)
from seatbelt_vae.errors import ConfigError

__all__ = ["TC_ESTIMATORS", "ObjectiveConfig", "resolve_objective"]

TC_ESTIMATORS = ("mws", "mss", "mss-chen", "mss-published")
_DEFAULT_FREE_BITS = 0.125
_RADII = {"l2": 0.2, "linf": 0.03}


@dataclass(frozen=True)
class ObjectiveConfig:
    """The objective; defaults follow from the preset and the number of layers.

    Args:
        beta: β, the weight of the KL, or 1 + the weight of the TC penalty; 1 is the plain ELBO
            (default: the preset's).
        tc_estimator: estimator of the total correlation TC: `mws` (the paper's), `mss` (stratified,
            unbiased for q(z)), `mss-chen` or `mss-published` (as in two public implementations).
        free_bits: λ_fb: a KL below this many nats per group costs nothing, 0 is off (default: 0.125
            with several layers, else 0).
        free_bits_group: the group to which free bits apply, a latent `unit` or a whole `layer`.
        kl_warm_up: steps over which the weight of the KL rises from 0; 0 is no warm-up.
        tc_warm_up: steps over which the weight of the TC rises from 0.
        warm_up_period: steps after which the warm-ups restart, at least as many as they take
            (default: no restart).
        defence: training defences, joined by commas: `denoising-adversarial` attacks every second
            image of a batch and asks for its clean form; `coupled-encoder` couples the codes of two
            views; `encoder-jacobian` and `reconstruction-jacobian` penalise a gain (default: none).
        defence_radius: largest radius of the attack in a training step, a share of the median
            distance of two training images (default: 0.2 for l2, 0.03 for linf).
        defence_norm: norm of the radius, `l2` or `linf`.
        defence_steps: gradient steps of the attack; 0 is noise.
        defence_warm_up: steps over which the radius rises from 0.
        denoising_weight: weight of an attacked image; a clean one has 1.
        coupling_source: second view of an image: `adversarial` is an attacked image, the `delusion`
            the reconstruction of a drawn code, `gaussian` the image with noise.
        coupling_correlation: correlation ρ of the codes of both views under their prior.
        jacobian_weight: weight λ of a squared norm of a Jacobian.
        jacobian_iterations: power iterations of `reconstruction-jacobian`.
    """

    beta: float | None = None
    tc_estimator: str = "mws"
    free_bits: float | None = None
    free_bits_group: Literal["unit", "layer"] = "unit"
    kl_warm_up: int = 0
    tc_warm_up: int = 0
    warm_up_period: int | None = None
    defence: tuple[str, ...] = ()
    defence_radius: float | None = None
    defence_norm: Literal["l2", "linf"] = "l2"
    defence_steps: int = 1
    defence_warm_up: int = 1000
    denoising_weight: float = 1.0
    coupling_source: Literal["adversarial", "delusion", "gaussian"] = "adversarial"
    coupling_correlation: float = 0.95
    jacobian_weight: float = 1.0
    jacobian_iterations: int = 1

    def __post_init__(self) -> None:
        if self.beta is not None:
            at_least("beta", self.beta, 0)
        if self.free_bits is not None:
            at_least("free_bits", self.free_bits, 0)
        one_of("tc_estimator", self.tc_estimator, TC_ESTIMATORS)
        one_of("free_bits_group", self.free_bits_group, ("unit", "layer"))
        at_least("kl_warm_up", self.kl_warm_up, 0)
        at_least("tc_warm_up", self.tc_warm_up, 0)
        if self.warm_up_period is not None:
            at_least(
                "warm_up_period", self.warm_up_period, max(1, self.kl_warm_up, self.tc_warm_up)
            )
        object.__setattr__(self, "defence", names_of(self.defence))
        if self.defence_radius is not None:
            positive("defence_radius", self.defence_radius)
        one_of("defence_norm", self.defence_norm, _RADII)
        at_least("defence_steps", self.defence_steps, 0)
        at_least("defence_warm_up", self.defence_warm_up, 0)
        positive("denoising_weight", self.denoising_weight)
        one_of("coupling_source", self.coupling_source, ("adversarial", "delusion", "gaussian"))
        if not 0 <= self.coupling_correlation < 1:
            raise ConfigError(
                f"coupling_correlation is {self.coupling_correlation:g}, expected 0 to below 1"
            )
        positive("jacobian_weight", self.jacobian_weight)
        at_least("jacobian_iterations", self.jacobian_iterations, 0)

    @property
    def radius_share(self) -> float:
        """The largest radius of the attack in a training step, or its default in the norm."""
        given = self.defence_radius
        return _RADII[self.defence_norm] if given is None else given


def resolve_objective(objective: ObjectiveConfig, preset: str, depth: int) -> tuple[float, float]:
    """β and the free bits λ_fb of a preset with ``depth`` layers.

    Example:
        >>> resolve_objective(ObjectiveConfig(), "seatbelt", depth=4)
        (6.0, 0.125)

    Raises:
        ConfigError: β other than 1 if the objective is the ELBO; a TC warm-up without a TC penalty;
            a setting of a defence that is not named.
    """
    kind = preset_of(preset)
    beta = kind.beta if objective.beta is None else objective.beta
    if not kind.weighed and beta != 1:
        raise ConfigError(
            f"beta is {beta:g} with preset {preset!r}, whose objective is the ELBO (beta 1): "
            f"leave beta out, or use a preset with a penalty (beta-vae, beta-tcvae, seatbelt)"
        )
    if objective.tc_warm_up and not kind.reads("tc_warm_up"):
        raise ConfigError(
            f"tc_warm_up is {objective.tc_warm_up} with preset {preset!r}, which has no TC: leave "
            f"it out, or use kl_warm_up"
        )
    _check_defences(objective)
    default = _DEFAULT_FREE_BITS if depth > 1 else 0.0
    return beta, default if objective.free_bits is None else objective.free_bits


def _check_defences(objective: ObjectiveConfig) -> None:
    """Raise if a setting is not the default and no chosen defence reads it."""
    default = ObjectiveConfig()
    for name in unread_settings(defences_of(objective.defence)):
        value = getattr(objective, name)
        if value != getattr(default, name):
            readers = [known for known, defence in TRAINING_DEFENCES.items() if defence.reads(name)]
            raise ConfigError(
                f"{name} is {value}, which no chosen defence reads: leave it out, or add "
                f"defence {' or '.join(readers)}"
            )
