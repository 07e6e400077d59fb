"""Searches for small gaps within matched budgets, on several pairs of images in one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.attacks import budgeted_attack
from seatbelt_vae.attacks.diagnostics.adaptive import (
    ANNEALED,
    EVALUATIONS,
    FRESH,
    GradientSource,
    gradient_sources,
    redrawn,
)
from seatbelt_vae.defences import Wrapper
from seatbelt_vae.evaluation.budget_candidates import Candidates
from seatbelt_vae.evaluation.gap import Pair, reconstruct
from seatbelt_vae.protocol import Autoencoder

__all__ = ["BudgetSearch", "Pool", "best_of", "exchanged_starts", "joined_best", "new_starts"]

# evaluations of annealed steps and of the quasi-Newton method
_FIRST, _EXCHANGED, _RECHECKED = (120, 20), (0, 100), (150, 50)
_SMALLEST_SCALE = 0.1

Pool = tuple[Candidates, ...]
"""The candidates of one pair, one entry per budget."""


@dataclass(frozen=True)
class BudgetSearch:
    """Budgeted attacks on pairs of images.

    Args:
        model: the autoencoder, in evaluation mode.
        pairs: inputs and targets.
        budgets: ε, ascending.
        batch: images evaluated at once.
        max_evaluations: largest number of gradient evaluations of one budgeted attack.
    """

    model: Autoencoder
    pairs: Sequence[Pair]
    budgets: tuple[float, ...]
    batch: int
    max_evaluations: int

    def candidates(self, adversarial: Sequence[Tensor]) -> list[Pool]:
        """The candidates without an attack: the input, the stored attacks, the blend.

        Args:
            adversarial: the stored attacks of each pair, :math:`(n, C, H, W)`.
        """
        return [
            tuple(Candidates.within(self.model, pair, stored, e, self.batch) for e in self.budgets)
            for pair, stored in zip(self.pairs, adversarial, strict=True)
        ]

    def lowered(self, pools: Sequence[Pool]) -> list[Pool]:
        """The pools with attacks from their best candidates, then exchanged between budgets."""
        first = [[_first_starts(candidates) for candidates in pool] for pool in pools]
        found = self._attacked(pools, first, "budgeted", _FIRST)
        exchanged = [
            exchanged_starts(pair, pool, self.budgets)
            for pair, pool in zip(self.pairs, found, strict=True)
        ]
        return self._attacked(found, exchanged, "budgeted", _EXCHANGED)

    def rechecked(self, pools: Sequence[Pool], generators: Sequence[torch.Generator]) -> list[Pool]:
        """The pools with attacks from random points near their best candidates."""
        starts = [
            new_starts(pair, pool, self.budgets, generator)
            for pair, pool, generator in zip(self.pairs, pools, generators, strict=True)
        ]
        return self._attacked(pools, starts, "budgeted-recheck", _RECHECKED)

    def adapted(self, pools: Sequence[Pool], solutions: Sequence[Tensor]) -> list[Pool]:
        """The pools with attacks through a defence that know the undefended model.

        Args:
            pools: the pools of a `Wrapper`.
            solutions: the undefended model's solutions for each pair, one image per budget.
        """
        assert isinstance(self.model, Wrapper)
        starts = [
            [torch.stack([c.images[i], s]) for (c, i), s in zip(best_of(pool), of, strict=True)]
            for pool, of in zip(pools, solutions, strict=True)
        ]
        found = self._with_images(pools, [of.split(1) for of in solutions], "undefended")
        for source in gradient_sources(self.model, self.model.undefended):
            effort = (ANNEALED, EVALUATIONS)
            found = self._attacked(found, starts, source.origin, effort, source)
        return found

    def fresh_gaps(self, pools: Sequence[Pool]) -> list[tuple[float | None, ...]] | None:
        """The smallest mean gap over unknown draws, of the best candidates and of those of ``eot``.

        None for a defence without noise of its own.
        """
        assert isinstance(self.model, Wrapper)
        models = redrawn(self.model, FRESH)
        if not models:
            return None
        return [
            _fresh_gaps(models, pair, pool, self.batch)
            for pair, pool in zip(self.pairs, pools, strict=True)
        ]

    def _attacked(
        self,
        pools: Sequence[Pool],
        starts: Sequence[Sequence[Tensor]],
        how: str,
        effort: tuple[int, int],
        source: GradientSource | None = None,
    ) -> list[Pool]:
        """The pools with attacks from the starts of each pair and budget, (S, C, H, W)."""
        annealed, evaluations = (min(number, self.max_evaluations) for number in effort)
        rows = [
            (pair, epsilon * pair.image_distance, len(points))
            for pair, of_pair in zip(self.pairs, starts, strict=True)
            for epsilon, points in zip(self.budgets, of_pair, strict=True)
        ]
        counts = torch.tensor([count for _, _, count in rows])
        found = budgeted_attack(
            self.model if source is None else source.model,
            torch.stack([pair.x for pair, _, _ in rows]).repeat_interleave(counts, 0),
            torch.stack([pair.target for pair, _, _ in rows]).repeat_interleave(counts, 0),
            [radius for _, radius, count in rows for _ in range(count)],
            torch.cat([points for of_pair in starts for points in of_pair]),
            annealed=annealed,
            evaluations=evaluations,
            micro_batch=self.batch,
            draws=() if source is None else source.draws,
        )
        points = iter(found.split(counts.tolist()))
        return self._with_images(pools, [[next(points) for _ in of] for of in starts], how)

    def _with_images(
        self, pools: Sequence[Pool], images: Sequence[Sequence[Tensor]], how: str
    ) -> list[Pool]:
        """The pools with images of one origin for each pair and budget."""
        return [
            tuple(
                Candidates.joined(
                    [c, Candidates.of(self.model, pair, added, (how,) * len(added), self.batch)]
                )
                for c, added in zip(pool, of_pair, strict=True)
            )
            for pair, pool, of_pair in zip(self.pairs, pools, images, strict=True)
        ]


def best_of(pool: Pool) -> list[tuple[Candidates, int]]:
    """The best candidate of every budget, among those of this budget and of smaller ones."""
    best = [(pool[0], pool[0].best)]
    for candidates in pool[1:]:
        before, kept = best[-1]
        better = bool(candidates.gap[candidates.best] < before.gap[kept])
        best.append((candidates, candidates.best) if better else (before, kept))
    return best


def joined_best(pool: Pool) -> Candidates:
    """The candidates of `best_of`."""
    return Candidates.joined([c.take([i]) for c, i in best_of(pool)])


def _first_starts(candidates: Candidates) -> Tensor:
    """The best candidate, the input, and the blend."""
    how = candidates.how
    return candidates.images[[candidates.best, how.index("zero"), how.index("blend")]]


def exchanged_starts(pair: Pair, pool: Pool, budgets: Sequence[float]) -> list[Tensor]:
    """The best distortions of each budget and of its neighbours, scaled to its length."""
    best = torch.stack([candidates.images[candidates.best] for candidates in pool])
    starts = []
    for position, epsilon in enumerate(budgets):
        near = slice(max(0, position - 1), position + 2)
        scale = epsilon / torch.tensor(budgets[near]).to(best)
        starts.append(pair.x + scale.view(-1, *[1] * pair.x.ndim) * (best[near] - pair.x))
    return starts


def new_starts(
    pair: Pair, pool: Pool, budgets: Sequence[float], generator: torch.Generator
) -> list[Tensor]:
    r"""The best candidate of each budget plus noise :math:`s\rho\,\epsilon/\sqrt n`.

    s is log-uniform in [0.1, 1], and :math:`\rho` is the radius of the ball.
    """
    best = torch.stack([candidates.images[candidates.best] for candidates in pool])
    noise = torch.randn(best.shape, generator=generator, dtype=torch.float64)
    scale = _SMALLEST_SCALE ** torch.rand(len(best), generator=generator, dtype=torch.float64)
    length = scale * torch.tensor(budgets) * pair.image_distance / pair.x.numel() ** 0.5
    return list((best + (noise * length.view(-1, *[1] * pair.x.ndim)).to(best)).split(1))


def _fresh_gaps(
    models: Sequence[Autoencoder], pair: Pair, pool: Pool, batch: int
) -> tuple[float | None, ...]:
    eot = tuple(c.take([i for i, how in enumerate(c.how) if how == "eot"]) for c in pool)
    means = []
    for chosen in (joined_best(pool), joined_best(eot)):
        gaps = [pair.gap(reconstruct(each, chosen.images, batch=batch)) for each in models]
        means.append(torch.stack(gaps).mean(0))
    return tuple(torch.stack(means).amin(0).tolist())
