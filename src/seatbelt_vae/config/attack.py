"""Settings of a suite of attacks: loss, layers, threat, levels, strength and effort."""

import re
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Literal

from seatbelt_vae.config.checks import at_least, one_of, positive
from seatbelt_vae.config.loss_files import LOSSES, LossDeclaration, declaration_of
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.references import is_reference

__all__ = ["AttackConfig", "parse_among", "parse_layers", "suite_name"]

PATHS = ("mean", "common", "sampled")
THREATS = ("penalty", "squared-penalty", "l2", "linf")
STRENGTHS = ("strong", "single", "paper")
SOLVERS = ("quasi-newton", "pgd")

_BUDGETS = {"l2": (0.05, 0.1, 0.2, 0.3, 0.5), "linf": (0.01, 0.02, 0.05, 0.1, 0.2)}


@dataclass(frozen=True)
class AttackConfig:
    """A suite of attacks: several image pairs, each attacked at several levels λ or ε.

    x is the input image, x_t the target image, x* the attacked image, d = x* − x the distortion,
    rec(x) the reconstruction, and r₀ the loss at x* = x. An attack minimises the loss over x*.

    Args:
        loss: `latent-kl` is KL(attacked ‖ target), `latent-symmetric-kl` and `latent-w2` are other
            distances of posteriors, `latent-l2` is the distance of codes, each summed
            over layers, and `latent-code` that of the codes of all layers as one vector; `output`
            is −ELBO of the target under the attacked posterior, `output-l2` is ‖rec(x*) − x_t‖,
            and `output-reconstruction` is ‖rec(x*) − rec(x_t)‖. The others need no target:
            `latent-zero` is the norm of the codes, `latent-target` their distance
            from the code of a grey input; with a budget,
            `damage-posterior` and `damage-reconstruction` are minus the change of codes or
            reconstruction, `damage-identity` is minus the squared change of the reconstruction
            beyond x* − x, and `grill` is minus the change of all network layers times that of the
            reconstruction. A custom loss is `package.module:name` or `file.py:name`, such as a
            `ClassifierMargin` or `ScoreLoss` of your own function.
        layers: layers that a loss of posteriors compares: `all`, `bottom`, `top`, or numbers
            such as `1,3` (1 is next to the data).
        path: noise of the codes between layers: `mean` (none), `common` (fixed per pair) or
            `sampled` (fresh at every evaluation; not with strength `strong`) (default: `common`
            for the loss `output`, else `mean`).
        draws: number K of noise draws of the `common` and `sampled` paths.
        threat: limit of the distortion d: a term of the loss, `penalty` λ‖d‖₂ or
            `squared-penalty` λ‖d‖₂²; or a budget ε, `l2` ‖d‖₂ ≤ ε‖x_t−x‖₂ or `linf`
            ‖d‖∞ ≤ ε(hi−lo) for pixels from lo to hi.
        weights: grid of λ for the penalties: `relative` is (r₀/‖x_t−x‖)·2^linspace(−10, 4),
            `published` is 2^linspace(−20, 20).
        weight_count: number of λ (default: 29 relative, 50 published).
        levels: λ of the penalties in place of the grid, ascending, in multiples of r₀/‖x_t−x‖, or
            absolute with weights `published`; 0 is no penalty, such as 0 0.1 1 (default: the grid).
        budgets: ε of the budgets (default: .05 .1 .2 .3 .5 for l2; .01 .02 .05 .1 .2 for linf).
        strength: `strong` (many starts, solutions exchanged between levels), `single` (one start),
            or `paper` (L-BFGS-B of SciPy as published).
        solver: `quasi-newton`, or `pgd` (projected steepest descent with an adaptive step), which
            needs a budget.
        pairs: number of input-target pairs, drawn at random from the test split.
        vary: the only factor in which input and target differ, such as orientation (default: any
            two images are a pair).
        among: factor values shared by input and target, such as `shape=heart` or
            `shape=2,scale=5`, by name or by number from 0 (default: any).
        restarts: random restarts per pair and level; strength `strong` only.
        max_evaluations: maximum number of gradient evaluations per descent.
        memory: correction pairs kept by the quasi-Newton method.
        recheck: share of a pair's levels, at least three, that are solved again from new starts to
            test convergence, 0 for none; strength `strong` only.
        gradient_free: evaluations of the gradient-free control at each of three levels per pair, 0
            for none; strength `strong` only.
        fresh_draws: noise draws for the reported gaps and −log p(x_t|z*), with z* the codes of x*.
        seed: seed of the pairs, the starts and the noise.
        together: number of pairs attacked in one batch.
        micro_batch: images per call of the model (default: as many as have 2¹⁸ values in total,
            2²² on a GPU, and keep at most 512 MiB for their gradients, 8 GiB on a GPU).
        threads: CPU threads per process (default: PyTorch's choice).
    """

    loss: str = "latent-kl"
    layers: str = "all"
    path: Literal["mean", "common", "sampled"] | None = None
    draws: int = 8
    threat: Literal["penalty", "squared-penalty", "l2", "linf"] = "penalty"
    weights: Literal["relative", "published"] = "relative"
    weight_count: int | None = None
    levels: tuple[float, ...] | None = None
    budgets: tuple[float, ...] | None = None
    strength: Literal["strong", "single", "paper"] = "strong"
    solver: Literal["quasi-newton", "pgd"] = "quasi-newton"
    pairs: int = 10
    vary: str | None = None
    among: str | None = None
    restarts: int = 4
    max_evaluations: int = 500
    memory: int = 6
    recheck: float = 0.1
    gradient_free: int = 300
    fresh_draws: int = 64
    seed: int = 0
    together: int = 1
    micro_batch: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if not is_reference(self.loss):
            one_of("loss", self.loss, LOSSES)
        if self.path is not None:
            one_of("path", self.path, PATHS)
        one_of("threat", self.threat, THREATS)
        one_of("strength", self.strength, STRENGTHS)
        one_of("solver", self.solver, SOLVERS)
        one_of("weights", self.weights, ("relative", "published"))
        for name in ("draws", "pairs", "max_evaluations", "memory", "fresh_draws", "together"):
            positive(name, getattr(self, name))
        for name in ("restarts", "recheck", "gradient_free", "seed"):
            at_least(name, getattr(self, name), 0)
        if self.weight_count is not None:
            at_least("weight_count", self.weight_count, 2)
        if self.recheck > 1:
            raise ConfigError(f"recheck is {self.recheck:g}, expected a share between 0 and 1")
        for name in ("threads", "micro_batch"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        parse_among(self.among)
        self._check_combinations()
        self._check_levels()

    @property
    def within_budget(self) -> bool:
        """Whether the threat is a budget on the distortion, not a penalty."""
        return self.threat in _BUDGETS

    @property
    def epsilons(self) -> tuple[float, ...]:
        """The budgets ε, by default those of the threat; empty for a penalty."""
        return _BUDGETS.get(self.threat, ()) if self.budgets is None else self.budgets

    @property
    def path_used(self) -> Literal["mean", "common", "sampled"]:
        """The path, by default that of the loss."""
        return self.path or self._declaration.path

    @property
    def _declaration(self) -> LossDeclaration:
        """The declaration of the loss; every setting applies to a loss outside the package."""
        if is_reference(self.loss):
            return LossDeclaration(layers=True)
        return declaration_of(self.loss)

    def _check_combinations(self) -> None:
        if self.path == "sampled" and self.strength == "strong":
            raise ConfigError(
                "path 'sampled' with strength 'strong', whose line searches need a repeatable "
                "loss: use path 'common', or strength 'single'"
            )
        if not self._declaration.layers and self.layers != "all":
            raise ConfigError(
                f"layers {self.layers!r} with loss {self.loss!r}, which has no layers to choose: "
                f"leave layers out, or use loss 'latent-kl'"
            )
        if not self._declaration.bounded and not self.within_budget:
            raise ConfigError(
                f"loss {self.loss!r} with threat {self.threat!r}, which an untargeted attack "
                f"overruns: use threat 'l2' or 'linf'"
            )
        if self.strength == "paper" and self.threat != "penalty":
            raise ConfigError(
                f"strength 'paper' with threat {self.threat!r}, but the published attack has a "
                f"penalty: use threat 'penalty', or strength 'strong'"
            )
        if self.solver == "pgd" and not self.within_budget:
            raise ConfigError(
                f"solver 'pgd' with threat {self.threat!r}, but it needs a budget to scale its "
                f"steps: use threat 'l2' or 'linf', or solver 'quasi-newton'"
            )

    def _check_levels(self) -> None:
        if self.within_budget:
            grid = self.weight_count, self.levels
            if self.weights != "relative" or grid != (None, None):
                raise ConfigError(
                    f"weights with threat {self.threat!r}, which has budgets instead: leave "
                    f"weights, weight_count and levels out, and set budgets"
                )
        elif self.budgets is not None:
            raise ConfigError(
                f"budgets with threat {self.threat!r}, which has weights instead: use threat "
                f"'l2' or 'linf', or leave budgets out"
            )
        for name in ("budgets", "levels"):
            if getattr(self, name) == ():
                raise ConfigError(
                    f"{name} are empty, expected at least one: leave them out for defaults"
                )
        if self.levels is not None:
            if self.weight_count is not None:
                raise ConfigError("weight_count with levels, which replace the grid: give one")
            ascending = all(a < b for a, b in pairwise(self.levels))
            if not (ascending and self.levels[0] >= 0 and isfinite(self.levels[-1])):
                raise ConfigError(f"levels {self.levels}, expected λ from 0 on, ascending")
        for before, epsilon in zip((0.0, *(self.budgets or ())), self.budgets or (), strict=False):
            if not before < epsilon <= 1:
                raise ConfigError(
                    f"budgets {self.budgets}, expected shares above 0 and at most 1, ascending"
                )


def suite_name(config: AttackConfig) -> str:
    """The folder name of a suite, such as ``latent-kl-strong``.

    Example:
        >>> suite_name(AttackConfig(layers="1,3", strength="paper", weights="published"))
        'latent-kl-layers-1-3-paper-published'
    """
    layers = f"layers-{config.layers.replace(',', '-')}"
    among = "-".join(part for value in parse_among(config.among).items() for part in value)
    parts = {
        config.loss: True,
        layers: config.layers != "all",
        f"{config.path}": config.path is not None,
        f"vary-{config.vary}": config.vary is not None,
        f"among-{among}": config.among is not None,
        # "within-" distinguishes the loss "output" under an L2 budget from the loss "output-l2"
        f"within-{config.threat}": config.within_budget,
        config.threat: config.threat == "squared-penalty",
        config.strength: True,
        config.solver: config.solver != "quasi-newton",
        config.weights: config.weights != "relative",
    }
    return "-".join(part for part, included in parts.items() if included)


def parse_among(among: str | None) -> dict[str, str]:
    """The factors that the setting ``among`` fixes, and their values.

    Example:
        >>> parse_among("shape=heart,scale=5")
        {'shape': 'heart', 'scale': '5'}

    Raises:
        ConfigError: not a list of factors and values, or a factor named twice.
    """
    if among is None:
        return {}
    held = dict(re.findall(r"([^=,/\s]+)=([^=,/\s]+)", among))
    if not held or among != ",".join(f"{name}={value}" for name, value in held.items()):
        raise ConfigError(
            f"among is {among!r}, expected factors and their values, such as shape=heart,scale=5"
        )
    return held


def parse_layers(layers: str, depth: int) -> tuple[int, ...]:
    """The zero-based layers that the setting ``layers`` selects in a model of ``depth`` layers.

    Example:
        >>> parse_layers("1,3", depth=4), parse_layers("top", depth=4)
        ((0, 2), (3,))

    Raises:
        ConfigError: an unknown word, a layer that the model lacks, or a layer named twice.
    """
    named = {"all": tuple(range(depth)), "bottom": (0,), "top": (depth - 1,)}
    if layers in named:
        return named[layers]
    if not re.fullmatch(r"\d+(,\d+)*", layers):
        raise ConfigError(
            f"unknown layers {layers!r}: expected all, bottom, top, or numbers such as 1,3"
        )
    chosen = tuple(int(number) - 1 for number in layers.split(","))
    if min(chosen) < 0 or max(chosen) >= depth or len(set(chosen)) != len(chosen):
        raise ConfigError(
            f"layers {layers!r} of a model with {depth}: expected distinct numbers 1…{depth}"
        )
    return chosen
