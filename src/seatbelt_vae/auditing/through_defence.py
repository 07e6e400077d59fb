"""The further attacks on a model behind a defence at inference.

The portfolio attacks the defended model, whose gradients may be masked or overfit to one draw of
its noise. The undefended model is attacked with the same budgets; its solutions are candidates and
starts against the defended one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.attacks.diagnostics.adaptive import (
    ANNEALED,
    EVALUATIONS,
    FRESH,
    GradientSource,
    gradient_sources,
    redrawn,
)
from seatbelt_vae.attacks.methods.search import Request
from seatbelt_vae.auditing.goals import Goal, goals_of, norm, outputs
from seatbelt_vae.auditing.portfolio import PortfolioAttack
from seatbelt_vae.config.audit import AuditConfig, scaled
from seatbelt_vae.protocol import Autoencoder, event_shape_of

__all__ = ["ThroughDefence", "further_evaluations"]

_STARTS = 2


def further_evaluations(
    defended: Autoencoder, undefended: Autoencoder, config: AuditConfig, pairs: int, width: int
) -> int:
    """Gradient evaluations of a defended model in `ThroughDefence` beside its portfolio, at most.

    One over draws of noise counts once per draw. Those of the undefended model, which take less
    time, are not counted.
    """
    goals = len(goals_of(defended))
    each = (goals + _STARTS) * sum(_lengths(config))
    sources = gradient_sources(defended, undefended)
    per_row = sum(each * (len(source.draws) or goals) for source in sources)
    return pairs * width * per_row


def _lengths(config: AuditConfig) -> list[int]:
    """Annealed and quasi-Newton evaluations of a descent."""
    return [scaled(length, config.effort) for length in (ANNEALED, EVALUATIONS)]


@dataclass
class ThroughDefence:
    """The attack of a batch of pairs through a defence.

    Args:
        attack: the attack on the defended model.
        undefended: the model without the defence, prepared for attacks.
    """

    attack: PortfolioAttack
    undefended: Autoencoder

    def run(self) -> None:
        """Attack the defended model alone, then with what the undefended one gives away."""
        attack, goals = self.attack, self.attack.goals
        found = attack.run()
        self._own = found.values(goals[0], found.best(goals[0]))
        sibling = replace(attack, model=self.undefended)
        self._undefended = self._transferred(sibling)
        for source in gradient_sources(attack.model, self.undefended):
            self._descend(goals[:1] if source.draws else goals, source)

    def _transferred(self, sibling: PortfolioAttack) -> Tensor:
        """The headline goal of the undefended model; its solutions become candidates."""
        solved = sibling.run()
        for goal in sibling.goals:
            best = solved.best(goal)
            points = solved.images[best].flatten(0, 1).flatten(1)
            self.attack.found.add(points, *self.attack.rows, "undefended")
        headline = sibling.goals[0]
        return solved.values(headline, solved.best(headline))

    def _descend(self, goals: Sequence[Goal], source: GradientSource) -> None:
        """Descend on each goal from solutions of the undefended model and the best candidates."""
        attack, (annealed, evaluations) = self.attack, _lengths(self.attack.config)
        for goal in goals:
            attack.descend(
                goal.loss,
                [*self._starts("undefended"), *attack.best_starts(goal, _STARTS)],
                evaluations,
                annealed=annealed,
                origin=source.origin,
                problem=attack.bound_to(goal.loss, source.model, source.loss),
            )

    def _starts(self, origin: str) -> list[Request]:
        found = self.attack.found
        return [
            Request(int(found.pair[i]), int(found.level[i]), found.images[i].flatten(), origin)
            for i, name in enumerate(found.origin)
            if name == origin
        ]

    def checks(self) -> list[dict[str, Any]]:
        """How far the further attacks lower the headline goal of each pair, at most."""
        found, goal = self.attack.found, self.attack.goals[0]
        falls = (self._own - found.values(goal, found.best(goal))).amax(1)
        return [{"transfer_fall": fall} for fall in falls.tolist()]

    def columns(self) -> dict[str, Tensor]:
        """The headline goal without the defence, and of the worst cases under fresh noise.

        Each is :math:`(P, W)`; ``fresh`` is the mean over draws, of the candidate that it is
        smallest for, and NaN for a defence without noise of its own.
        """
        fresh = torch.full_like(self._undefended, torch.nan)
        if models := redrawn(self.attack.model, FRESH):
            found, goal = self.attack.found, self.attack.goals[0]
            others = [o for o in set(found.origin) if o != "eot"]
            chosen = [found.best(goal), found.best(goal, but=others)]
            fresh = torch.stack([self._mean_over(models, index) for index in chosen]).amin(0)
        return {"undefended": self._undefended, "fresh": fresh}

    def _mean_over(self, models: Sequence[Autoencoder], index: Tensor) -> Tensor:
        """The mean headline goal of candidates :math:`(P, W)` over models."""
        pairs, shape = self.attack.found.pairs, event_shape_of(self.attack.model)
        images = self.attack.found.images[index].view(-1, *shape)
        aims = pairs.target_reconstruction.repeat_interleave(index.shape[1], dim=0)
        distances = [norm(outputs(model, images)[1] - aims) for model in models]
        return torch.stack(distances).mean(0).view_as(index) / pairs.separation[:, None]
