"""The settings of how a foreign model is read; each replaces what was found by trying it."""

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Literal

from seatbelt_vae.config.checks import one_of
from seatbelt_vae.errors import ConfigError

__all__ = ["AdapterConfig", "Bound", "Code", "Order", "Output"]

Code = Literal["log-variance", "log-std", "std", "variance", "softplus", "none"]
"""The second tensor that ``encode`` returns: a function of σ, σ before softplus, or ignored."""

Output = Literal["image", "logits", "probability"]
"""The meaning of the tensor that ``decode`` returns: inputs, their logits, or values in [0, 1]."""

Order = Literal["bottom-up", "top-down"]
"""The direction in which the posterior of several layers is computed."""

Bound = tuple[float, float] | None
"""The smallest and the largest value of an input; None if there are none."""

_WORDS = {
    "code": ("log-variance", "log-std", "std", "variance", "softplus", "none"),
    "output": ("image", "logits", "probability"),
    "order": ("bottom-up", "top-down"),
}


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """How a foreign model is read.

    Args:
        kind: run, reference, weights, exported, diffusers or pythae (default: by the form of the
            target).
        bounds: smallest and largest value of an input, as `-1,1`, or `none` (default: those of the
            kind, or 0,1 of images).
        code: meaning of the second tensor of `encode`: softplus is σ before a softplus, `none`
            ignores it (default: by its name, else log-variance).
        output: meaning of the tensor of `decode`; a probability is in [0, 1] whatever the bounds
            (default: that of the kind, else image).
        order: order in which a model of several layers computes their posteriors (default: the one
            that fits its sizes, top-down first).
        forward: a function of inputs that returns reconstructions, as module:function, to compare
            with (default: the model's own `forward`).
    """

    kind: str | None = None
    bounds: str | None = None
    code: Code | None = None
    output: Output | None = None
    order: Order | None = None
    forward: str | None = None

    def __post_init__(self) -> None:
        for name, words in _WORDS.items():
            if (given := getattr(self, name)) is not None:
                one_of(name, given, words)
        _ = self.limits

    @property
    def limits(self) -> Bound:
        """The bounds as numbers; None for `none`, or if they are not given.

        Raises:
            ConfigError: not two ascending finite numbers.
        """
        if self.bounds in (None, "none"):
            return None
        try:
            low, high = map(float, str(self.bounds).split(","))
        except ValueError:
            low = high = 0.0
        if not (isfinite(low) and isfinite(high) and low < high):
            raise ConfigError(
                f"bounds are {self.bounds!r}, expected two numbers, the smaller first, such as "
                f"-1,1, or none"
            )
        return low, high

    @property
    def given(self) -> dict[str, Any]:
        """The settings that are given.

        Example:
            >>> AdapterConfig(code="std").given
            {'code': 'std'}
        """
        return {name: value for name, value in asdict(self).items() if value is not None}
