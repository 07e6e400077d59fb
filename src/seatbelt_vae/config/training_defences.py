"""Training defences: changes of the objective, named beside any preset. torch is not imported.

Defences at inference are in `seatbelt_vae.config.wrappers`.
"""

from collections.abc import Mapping, Sequence

from seatbelt_vae.config.checks import one_of
from seatbelt_vae.config.presets import Penalty, one
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.references import resolve_reference

__all__ = [
    "DEFENCE_SETTINGS",
    "INNER_ATTACK",
    "TRAINING_DEFENCES",
    "defences_of",
    "names_of",
    "surely_unread",
    "unread_settings",
]

_LOSSES = "seatbelt_vae.objectives.penalties."

INNER_ATTACK = ("defence_radius", "defence_norm", "defence_steps", "defence_warm_up")
"""The settings of the attack that a defence runs in each training step."""

_ATTACK_IS = (
    "δ took {defence_steps} gradient steps to a large ‖R(x + δ) − R(x)‖, R(x) the reconstruction; "
    "its {defence_norm} norm was at most {radius:g} of the median distance of two training images, "
    "a radius that rose from 0 in {defence_warm_up:,} steps."
)

DENOISING = Penalty(
    "denoising-adversarial",
    "E log p(x|z), z ~ q(z|x + δ), less KL(q(z|x + δ) ‖ p(z)), in place of the ELBO",
    _LOSSES + "denoising_adversarial:DenoisingAdversarial",
    weight="denoising_weight",
    description="In training every second image was attacked by δ, and its clean form was the "
    "target of the likelihood. " + _ATTACK_IS,
    settings=INNER_ATTACK,
)

_COUPLED = Penalty(
    "coupled-encoder",
    "E KL(q(z̃|x̃) ‖ N(ρz, 1 − ρ²)), z ~ q(z|x), of {top}",
    _LOSSES + "coupled_encoder:CoupledEncoder",
    weight=one,
    description="x̃ is a second view of x from the source {coupling_source}, ρ is "
    "{coupling_correlation:g}.",
    settings=("coupling_source", "coupling_correlation", *INNER_ATTACK),
)
_JACOBIAN_IS = "The networks have the moments of the batch in each BatchNorm. "
_ENCODER = Penalty(
    "encoder-jacobian",
    "‖∂μ/∂x‖_F²",
    _LOSSES + "jacobians:EncoderJacobian",
    weight="jacobian_weight",
    description=_JACOBIAN_IS + "Its norm was estimated from one random vector per image.",
)
_RECONSTRUCTION = Penalty(
    "reconstruction-jacobian",
    "σ_max(∂R/∂x)²",
    _LOSSES + "jacobians:ReconstructionJacobian",
    weight="jacobian_weight",
    description=_JACOBIAN_IS + "Power iterations from a random vector: {jacobian_iterations}.",
    settings=("jacobian_iterations",),
)

TRAINING_DEFENCES: Mapping[str, Penalty] = {
    penalty.name: penalty for penalty in (DENOISING, _COUPLED, _ENCODER, _RECONSTRUCTION)
}
"""The training defences by name."""

DEFENCE_SETTINGS = tuple(
    dict.fromkeys(
        setting
        for penalty in TRAINING_DEFENCES.values()
        for setting in (*penalty.settings, penalty.weight)
        if isinstance(setting, str)
    )
)
"""The settings of `ObjectiveConfig` that only defences read."""


def names_of(words: Sequence[str]) -> tuple[str, ...]:
    """The names in words that may join several by commas; the word ``none`` names no defence.

    Raises:
        ConfigError: an unknown name, or one that is given twice.

    Example:
        >>> names_of(["denoising-adversarial"]), names_of(["none"])
        (('denoising-adversarial',), ())
    """
    names = [name.strip() for word in words for name in word.split(",")]
    names = [name for name in names if name != "none"]
    for name in names:
        if ":" not in name:
            one_of("training defence", name, TRAINING_DEFENCES)
        if names.count(name) > 1:
            raise ConfigError(f"defence {name!r} is given twice: give it once")
    return tuple(names)


def defences_of(names: Sequence[str]) -> tuple[Penalty, ...]:
    """The declarations of defences; a name may be ``package.module:attribute`` of a `Penalty`.

    Raises:
        ConfigError: an unknown name, or a reference to another object.
    """
    found = [TRAINING_DEFENCES.get(name) or resolve_reference(name) for name in names]
    for name, penalty in zip(names, found, strict=True):
        if not isinstance(penalty, Penalty):
            kind = type(penalty).__name__
            raise ConfigError(f"defence {name!r} is a {kind}, expected a seatbelt_vae.Penalty")
    return tuple(found)


def unread_settings(chosen: Sequence[Penalty]) -> tuple[str, ...]:
    """The settings of `ObjectiveConfig` for training defences that none of the chosen ones reads.

    Example:
        >>> "coupling_source" in unread_settings([DENOISING])
        True
    """
    return tuple(name for name in DEFENCE_SETTINGS if not any(each.reads(name) for each in chosen))


def surely_unread(names: Sequence[str]) -> tuple[str, ...]:
    """As `unread_settings`, of names that are not imported: another name may read all settings."""
    known = [TRAINING_DEFENCES[name] for name in names if name in TRAINING_DEFENCES]
    return unread_settings(known) if len(known) == len(names) else ()
