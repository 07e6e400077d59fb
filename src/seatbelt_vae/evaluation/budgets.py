r"""The smallest reconstruction gap within matched budgets :math:`\|d\| \leq \varepsilon\|x_t-x\|`.

Attacks that weigh distance by λ reach few of the budgets, so their rows are also shortened to each
budget. Budgeted attacks then lower the gap itself. Their first stage takes annealed gradient steps,
which leave the poor minima of large networks; the second exchanges distortions between neighbouring
budgets. A recheck from random starts tests whether they converged. A defence at inference is also
attacked with knowledge of the undefended model. Every number is an upper bound of the smallest gap.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

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
from seatbelt_vae.evaluation.budget_candidates import Candidates, blend, shorten
from seatbelt_vae.evaluation.gap import Pair, reconstruct
from seatbelt_vae.evaluation.measures import BUDGETS
from seatbelt_vae.protocol import Autoencoder

__all__ = ["Candidates", "MatchedBudgets", "blend", "matched_budgets", "shorten"]

_STORED = ("row", "shortened")
# evaluations of annealed steps and of the quasi-Newton method
_FIRST, _EXCHANGED, _RECHECKED = (120, 20), (0, 100), (150, 50)
_SMALLEST_SCALE = 0.1


@dataclass(frozen=True)
class MatchedBudgets:
    r"""The best candidate of every budget, among those of this budget and of smaller ones.

    Args:
        epsilon: the budgets, ascending.
        pool: all candidates, one entry per budget.
        unconverged: fall of the gap by the recheck at each budget; None without a recheck.
        transfer_fall: fall of the gap by attacks that know the undefended model; None without a
            defence at inference.
        fresh_gap: mean gap over draws of the defence's noise that no attack knows, of the candidate
            with the smallest mean; None without such noise.
    """

    epsilon: tuple[float, ...]
    pool: tuple[Candidates, ...]
    unconverged: tuple[float | None, ...]
    transfer_fall: tuple[float | None, ...]
    fresh_gap: tuple[float | None, ...]

    @cached_property
    def best(self) -> Candidates:
        """The best candidates, one per budget."""
        return _joined_best(self.pool)

    @property
    def images(self) -> Tensor:
        """The best candidates' images, :math:`(E, C, H, W)`."""
        return self.best.images

    @property
    def reconstructions(self) -> Tensor:
        """Their reconstructions, :math:`(E, C, H, W)`."""
        return self.best.reconstructions

    @property
    def how(self) -> tuple[str, ...]:
        """The origin of each, see `Candidates`."""
        return self.best.how

    @cached_property
    def gap(self) -> tuple[float, ...]:
        """The gap of each."""
        return tuple(self.best.gap.tolist())

    @cached_property
    def distance_relative(self) -> tuple[float, ...]:
        """The relative distance of each."""
        return tuple(self.best.distance_relative.tolist())

    @cached_property
    def blend_gap(self) -> tuple[float, ...]:
        r"""Gap of the blend at each budget, :math:`1-\varepsilon` for the identity map."""
        return tuple(c.gap[c.how.index("blend")].item() for c in self.pool)

    @cached_property
    def gap_of_rows(self) -> tuple[float, ...]:
        """Smallest gap of the stored attacks, shortened to the budget where necessary."""
        stored = [c.take([i for i, how in enumerate(c.how) if how in _STORED]) for c in self.pool]
        return tuple(c.gap[i].item() for c, i in _best(stored))


def matched_budgets(
    model: Autoencoder,
    pair: Pair,
    adversarial: Tensor,
    budgets: tuple[float, ...] = BUDGETS,
    *,
    lower: bool = True,
    recheck: torch.Generator | None = None,
    batch: int = 64,
    max_evaluations: int = 500,
) -> MatchedBudgets:
    r"""Upper bound of :math:`\min_{\|d\|\leq\varepsilon\|x_t-x\|}` gap, non-increasing in ε.

    The candidates are the input itself, the stored attacks, shortened to the budget where
    necessary, the blend, and budgeted attacks from these and from the best distortions of
    neighbouring budgets.

    Args:
        model: the autoencoder, in evaluation mode.
        pair: input and target.
        adversarial: the stored attacks, :math:`(n, C, H, W)`.
        budgets: ε, ascending.
        lower: whether budgeted attacks are made.
        recheck: the random numbers of a recheck of the budgeted attacks; None for no recheck.
        batch: images evaluated at once.
        max_evaluations: largest number of gradient evaluations of one budgeted attack.
    """
    pool = tuple(Candidates.within(model, pair, adversarial, e, batch) for e in budgets)
    attack = partial(_lowered, model, pair, budgets, batch, max_evaluations)
    if lower:
        pool = attack(pool, _first_starts(pool), "budgeted", *_FIRST)
        pool = attack(pool, _exchanged_starts(pair, pool, budgets), "budgeted", *_EXCHANGED)
    nothing: tuple[float | None, ...] = (None,) * len(budgets)
    best, unconverged, transfer_fall, fresh = _joined_best(pool), nothing, nothing, nothing
    if lower and recheck:
        new, before = _new_starts(pair, pool, budgets, recheck), best
        best = _joined_best(pool := attack(pool, new, "budgeted-recheck", *_RECHECKED))
        unconverged = tuple((before.gap - best.gap).tolist())
    if lower and isinstance(model, Wrapper):
        before, plain = best, Pair.of(model.undefended, pair.x, pair.target)
        known = matched_budgets(
            *(model.undefended, plain, adversarial, budgets),
            batch=batch,
            max_evaluations=max_evaluations,
        )
        best = _joined_best(pool := _adaptive(model, pair, pool, known.images, attack, batch))
        transfer_fall = tuple((before.gap - best.gap).tolist())
        fresh = _fresh_gaps(model, pair, pool, batch) or nothing
    return MatchedBudgets(budgets, pool, unconverged, transfer_fall, fresh)


def _joined_best(pool: Sequence[Candidates]) -> Candidates:
    return Candidates.joined([c.take([i]) for c, i in _best(pool)])


def _best(pool: Sequence[Candidates]) -> list[tuple[Candidates, int]]:
    """The best candidate of every budget, among those of this budget and of smaller ones."""
    best = [(pool[0], pool[0].best)]
    for candidates in pool[1:]:
        before, kept = best[-1]
        better = bool(candidates.gap[candidates.best] < before.gap[kept])
        best.append((candidates, candidates.best) if better else (before, kept))
    return best


def _lowered(
    model: Autoencoder,
    pair: Pair,
    budgets: Sequence[float],
    batch: int,
    max_evaluations: int,
    pool: Sequence[Candidates],
    starts: Sequence[Tensor],
    how: str,
    annealed: int,
    evaluations: int,
    source: GradientSource | None = None,
) -> tuple[Candidates, ...]:
    """The pool with budgeted attacks from the starts of each budget, :math:`(S, C, H, W)`."""
    each = [len(points) for points in starts]
    found = budgeted_attack(
        model if source is None else source.model,
        pair.x,
        pair.target,
        [
            e * pair.image_distance
            for e, count in zip(budgets, each, strict=True)
            for _ in range(count)
        ],
        torch.cat(list(starts)),
        annealed=min(annealed, max_evaluations),
        evaluations=min(evaluations, max_evaluations),
        micro_batch=batch,
        draws=() if source is None else source.draws,
    )
    return _with_images(model, pair, pool, found.split(each), how, batch)


def _with_images(
    model: Autoencoder,
    pair: Pair,
    pool: Sequence[Candidates],
    images: Sequence[Tensor],
    how: str,
    batch: int,
) -> tuple[Candidates, ...]:
    """The pool with images of one origin for each budget."""
    added = [Candidates.of(model, pair, i, (how,) * len(i), batch) for i in images]
    return tuple(Candidates.joined(parts) for parts in zip(pool, added, strict=True))


def _adaptive(
    model: Wrapper,
    pair: Pair,
    pool: Sequence[Candidates],
    solutions: Tensor,
    attack: Callable[..., tuple[Candidates, ...]],
    batch: int,
) -> tuple[Candidates, ...]:
    """The pool with the undefended model's solutions, and descents from these and the best."""
    starts = [
        torch.stack([c.images[i], s]) for (c, i), s in zip(_best(pool), solutions, strict=True)
    ]
    found = _with_images(model, pair, pool, solutions.split(1), "undefended", batch)
    for source in gradient_sources(model, model.undefended):
        found = attack(found, starts, source.origin, ANNEALED, EVALUATIONS, source)
    return found


def _fresh_gaps(
    model: Wrapper, pair: Pair, pool: Sequence[Candidates], batch: int
) -> tuple[float, ...]:
    """The smallest mean gap over unknown draws, of the best candidates and of those of ``eot``."""
    models = redrawn(model, FRESH)
    if not models:
        return ()
    eot = [c.take([i for i, how in enumerate(c.how) if how == "eot"]) for c in pool]
    means = []
    for chosen in (_joined_best(pool), _joined_best(eot)):
        gaps = [pair.gap(reconstruct(each, chosen.images, batch=batch)) for each in models]
        means.append(torch.stack(gaps).mean(0))
    return tuple(torch.stack(means).amin(0).tolist())


def _first_starts(pool: Sequence[Candidates]) -> list[Tensor]:
    """The best candidate of each budget, the input, and the blend."""
    return [c.images[[c.best, c.how.index("zero"), c.how.index("blend")]] for c in pool]


def _exchanged_starts(
    pair: Pair, pool: Sequence[Candidates], budgets: Sequence[float]
) -> list[Tensor]:
    """The best distortions of each budget and of its neighbours, scaled to its length."""
    best = torch.stack([candidates.images[candidates.best] for candidates in pool])
    starts = []
    for position, epsilon in enumerate(budgets):
        near = slice(max(0, position - 1), position + 2)
        scale = epsilon / torch.tensor(budgets[near]).to(best)
        starts.append(pair.x + scale.view(-1, *[1] * pair.x.ndim) * (best[near] - pair.x))
    return starts


def _new_starts(
    pair: Pair, pool: Sequence[Candidates], budgets: Sequence[float], generator: torch.Generator
) -> list[Tensor]:
    r"""The best candidate of each budget plus noise :math:`s\rho\,\epsilon/\sqrt n`.

    s is log-uniform in [0.1, 1], and :math:`\rho` is the radius of the ball.
    """
    best = torch.stack([candidates.images[candidates.best] for candidates in pool])
    noise = torch.randn(best.shape, generator=generator, dtype=torch.float64)
    scale = _SMALLEST_SCALE ** torch.rand(len(best), generator=generator, dtype=torch.float64)
    length = scale * torch.tensor(budgets) * pair.image_distance / pair.x.numel() ** 0.5
    return list((best + (noise * length.view(-1, *[1] * pair.x.ndim)).to(best)).split(1))
