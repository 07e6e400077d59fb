"""Attacks of toolboxes for classifiers, where they can state a goal of an audit.

Each is used if it is installed:

* ``foolbox`` (foolbox==3.3.4): projected gradient descent and its form with Adam, with the loss of
  the goal in place of the cross-entropy.
* ``art`` (adversarial-robustness-toolbox==1.20.1): FeatureAdversariesPyTorch, which brings codes to
  the target's within L∞ budgets.

Both return their last iterate.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from seatbelt_vae.attacks.problem import Problem
from seatbelt_vae.auditing.goals import Goal
from seatbelt_vae.auditing.portfolio import PortfolioAttack
from seatbelt_vae.protocol import bounds_of

__all__ = ["Loop", "evaluations_of_a_loop", "side_of", "toolbox_loops"]

Loop = Callable[[PortfolioAttack, Goal, float], Tensor]
"""Maps an attack, a goal and a step relative to the budget to one point per row, (PW, n)."""


def toolbox_loops(threat: str, goal: str) -> dict[str, Loop]:
    """The attacks of the installed toolboxes for a goal under a threat, by name."""
    loops: dict[str, Loop] = {}
    if find_spec("foolbox") is not None and threat in ("l2", "linf"):
        loops["foolbox pgd"] = partial(_foolbox, "PGD")
        loops["foolbox adam"] = partial(_foolbox, "AdamPGD")
    if find_spec("art") is not None and (threat, goal) == ("linf", "code_gap"):
        loops["art"] = _feature_adversaries
    return loops


def _foolbox(kind: str, attack: PortfolioAttack, goal: Goal, step: float) -> Tensor:
    """One of foolbox's gradient descents from a random start, row by row: it takes one budget."""
    import foolbox

    problem = attack.problem(goal.loss)
    base = getattr(foolbox.attacks, {"l2": "L2", "linf": "Linf"}[attack.threat] + kind)
    model = foolbox.PyTorchModel(nn.Identity(), bounds=_ends(attack), device="cpu")
    torch.manual_seed(0)
    found = []
    for pair, level in zip(*(side.tolist() for side in attack.rows), strict=True):
        row = torch.tensor([pair])
        radius = float(attack.levels[pair, level])
        adversary = _with_loss(base, problem, row, attack.levels[pair, level][None])(
            abs_stepsize=step * radius / (side_of(attack) if kind == "AdamPGD" else 1.0),
            steps=evaluations_of_a_loop(attack),
            random_start=True,
        )
        criterion = foolbox.criteria.TargetedMisclassification(row)
        found.append(adversary.run(model, attack.x[row], criterion, epsilon=radius))
    return torch.cat(found).flatten(1).detach()


def _with_loss(base: Any, problem: Problem, row: Tensor, level: Tensor) -> Any:
    """An attack of foolbox with the value and the gradient of a problem."""
    import eagerpy

    class WithLoss(base):  # type: ignore[misc]
        """The attack with another loss."""

        def get_loss_fn(self, model: Any, labels: Any) -> Any:
            """Not used."""

        def value_and_grad(self, loss_fn: Any, x: Any) -> tuple[Any, Any]:
            """The value and the gradient at the iterate."""
            del loss_fn
            value, gradient = problem.value_and_gradient(x.raw.flatten(1), row, level)
            return value, eagerpy.astensor(gradient.view_as(x.raw))

    return WithLoss


def _feature_adversaries(attack: PortfolioAttack, goal: Goal, step: float) -> Tensor:
    """ART's attack on the codes; it keeps its last iterate, and one budget for all rows."""
    del goal
    from art.attacks.evasion import FeatureAdversariesPyTorch

    estimator = _codes_estimator(attack)
    found = []
    for level in range(attack.levels.shape[1]):
        radius = float(attack.levels[0, level])
        adversary = FeatureAdversariesPyTorch(
            estimator,
            delta=radius,
            layer=0,
            max_iter=evaluations_of_a_loop(attack),
            batch_size=len(attack.x),
            step_size=step * radius,
            random_start=True,
        )
        images = adversary.generate(attack.x.numpy(), attack.target.numpy())
        found.append(torch.from_numpy(images).flatten(1))
    return torch.stack(found, dim=1).flatten(0, 1).to(attack.x)


def _codes_estimator(attack: PortfolioAttack) -> Any:
    """An estimator of ART whose only layer is the code."""
    from art.estimators.pytorch import PyTorchEstimator

    class Codes(PyTorchEstimator):  # type: ignore[misc]
        """The codes of a model as activations."""

        device = torch.device("cpu")

        def __init__(self) -> None:
            super().__init__(
                model=nn.Identity(),
                clip_values=_ends(attack),
                channels_first=True,
                device_type="cpu",
            )

        @property
        def input_shape(self) -> tuple[int, ...]:
            """Shape of an image."""
            return tuple(attack.x.shape[1:])

        def get_activations(self, x: Any, layer: int, batch_size: int, framework: bool) -> Any:
            """The mean codes of all layers."""
            del layer, batch_size
            images = torch.as_tensor(x)
            codes = torch.cat(attack.model.encode(images).z, dim=1)
            return codes if framework else codes.detach().numpy()

        def fit(self, *_: Any, **__: Any) -> None:
            """Not used."""

        predict = loss_gradient = compute_loss = fit

    return Codes()


def evaluations_of_a_loop(attack: PortfolioAttack) -> int:
    """The gradient evaluations per row of the loop of one goal: all goals share those spent."""
    return round(float(attack.evaluations.double().mean()) / len(attack.goals))


def _ends(attack: PortfolioAttack) -> tuple[float, float]:
    """The smallest and the largest value of an input."""
    low, high = (float(torch.as_tensor(bound).double().mean()) for bound in bounds_of(attack.model))
    return low, high


def side_of(attack: PortfolioAttack) -> float:
    """The number by which a step per value is smaller than a step of the whole image."""
    return float(attack.x[0].numel() ** 0.5) if attack.threat == "l2" else 1.0
