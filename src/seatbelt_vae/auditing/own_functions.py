"""Functions of the owner attacked through the model: a classifier, and a score with a threshold."""

import inspect
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, Literal

import torch
from torch import Tensor

from seatbelt_vae.attacks import attack
from seatbelt_vae.attacks.losses import ClassifierMargin, ScoreLoss
from seatbelt_vae.auditing.audited_images import AuditedImages
from seatbelt_vae.auditing.results import stated
from seatbelt_vae.auditing.threat_budgets import norm_of, threats_of
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.config.audit import AuditConfig, scaled
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder, event_shape_of
from seatbelt_vae.references import resolve_reference
from seatbelt_vae.runs.audit_answers import Classifier, Result, Score

__all__ = ["attack_classifier", "attack_score"]

Reads = Literal["codes", "reconstructions"]

_EVALUATIONS = 60
_FIRST_LEVELS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_REFINEMENTS, _BETWEEN = 2, 6


def attack_classifier(
    model: Autoencoder, images: AuditedImages, config: AuditConfig
) -> tuple[Classifier, list[Result]]:
    """The share of inputs that keep their class under attack, within each budget.

    The class is that of the clean input. The clean accuracy needs a data set with classes.

    Raises:
        ConfigError: the classifier is no function, or reads codes that the model lacks.
        ShapeError: its logits have another shape.
    """
    assert config.classifier is not None
    function = _function(config.classifier)
    loss = ClassifierMargin(function, reads=config.classifier_reads)
    x, target = images.sides(range(len(images.pairs)))
    results = []
    for threat, budgets in threats_of(config, event_shape_of(model)).items():
        found = attack(model, x, target, _effort(config, threat, budgets), loss=loss)
        kept = (found.divergence >= 0).double()
        for level, budget in enumerate(budgets):
            values = kept[:, level].tolist()
            results.append(stated("accuracy", threat, budget, values, config.seed))
    clean = _clean_accuracy(loss, model, images, x)
    names = tuple(result.metric for result in results)
    reads: Reads = "codes" if config.classifier_reads == "codes" else "reconstructions"
    return Classifier(config.classifier, reads, clean, names), results


def attack_score(
    model: Autoencoder, images: AuditedImages, config: AuditConfig
) -> tuple[Score, list[Result]]:
    r"""The smallest :math:`\|d\|_2` found that moves the score across its threshold.

    In units of :math:`\|x_t - x\|_2`; budgets between the largest that fails and the smallest that
    succeeds are tried in turn. Inputs that no budget moves across have no distance.

    Raises:
        ConfigError: the score is no function.
        ShapeError: it returns another shape.
    """
    assert config.score is not None
    assert config.threshold is not None
    loss = ScoreLoss(_of_model_and_inputs(_function(config.score)), config.threshold)
    x, target = images.sides(range(len(images.pairs)))
    unit = (target - x).flatten(1).double().norm(dim=1)
    levels = torch.tensor(_FIRST_LEVELS, dtype=torch.float64).repeat(len(x), 1)
    fails, succeeds = torch.zeros(len(x)).double(), torch.full((len(x),), torch.inf).double()
    settings = _effort(config, "l2", _FIRST_LEVELS)
    for _ in range(1 + _REFINEMENTS):
        found = attack(model, x, None, settings, loss=loss, levels=levels * unit[:, None])
        crossed = found.divergence < 0
        reached = (found.norms.l2 / unit[:, None]).masked_fill(~crossed, torch.inf).amin(1)
        succeeds = torch.minimum(succeeds, reached)
        failed = levels.masked_fill(crossed, 0.0).amax(1)
        fails = torch.maximum(fails, torch.minimum(failed, succeeds * (1 - 1e-6)))
        levels = _between(fails, succeeds)
    known = succeeds[succeeds.isfinite()].tolist()
    result = stated("score_distance", "l2", None, known, config.seed)
    return Score(config.score, config.threshold, len(x), len(known)), [result]


def _between(fails: Tensor, succeeds: Tensor) -> Tensor:
    """Budgets between the bounds of each input, ascending, :math:`(P, W)`."""
    upper = torch.where(succeeds.isfinite(), succeeds, _FIRST_LEVELS[-1])
    steps = torch.arange(1, _BETWEEN + 1, dtype=torch.float64) / (_BETWEEN + 1)
    lower = torch.minimum(fails, upper * (1 - 1e-3))
    return lower[:, None] + steps * (upper - lower)[:, None]


def _effort(config: AuditConfig, threat: str, budgets: Sequence[float]) -> AttackConfig:
    return AttackConfig(
        loss="damage-reconstruction",
        threat=norm_of(threat),
        budgets=tuple(budgets),
        restarts=scaled(1, config.effort),
        max_evaluations=scaled(_EVALUATIONS, config.effort),
        seed=config.seed,
    )


def _function(reference: str) -> Callable[..., Any]:
    function: Callable[..., Any] = resolve_reference(reference)
    if not callable(function):
        raise ConfigError(f"{reference!r} is a {type(function).__name__}, expected a function")
    if isinstance(function, torch.nn.Module):
        function.eval()
    return function


def _of_model_and_inputs(
    function: Callable[..., Any],
) -> Callable[[Autoencoder, Tensor], Tensor]:
    """The score as a function of the model and inputs; one of inputs alone ignores the model."""
    arguments = len(inspect.signature(function).parameters)
    return function if arguments == 2 else lambda _, x: function(x)


def _clean_accuracy(
    loss: ClassifierMargin, model: Autoencoder, images: AuditedImages, x: Tensor
) -> float | None:
    labels = [images.label_of(first) for first, _ in images.pairs]
    if any(label is None for label in labels):
        return None
    with torch.no_grad():
        predicted = loss.logits(model, x).argmax(-1).tolist()
    right = [a == b for a, b in zip(labels, predicted, strict=True)]
    return fmean(right)
