r"""The smallest reconstruction gap within matched budgets :math:`\|d\| \leq \varepsilon\|x_t-x\|`.

Attacks that weigh distance by λ reach few of the budgets, so their rows are also shortened to each
budget. Budgeted attacks then lower the gap itself. Their first stage takes annealed gradient steps,
which leave the poor minima of large networks; the second exchanges distortions between neighbouring
budgets. A recheck from random starts tests whether they converged. A defence at inference is also
attacked with knowledge of the undefended model. Every number is an upper bound of the smallest gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from seatbelt_vae.defences import Wrapper
from seatbelt_vae.evaluation.budget_candidates import Candidates, blend, shorten
from seatbelt_vae.evaluation.budget_search import BudgetSearch, Pool, best_of, joined_best
from seatbelt_vae.evaluation.gap import Pair
from seatbelt_vae.evaluation.measures import BUDGETS
from seatbelt_vae.protocol import Autoencoder

__all__ = [
    "Candidates",
    "MatchedBudgets",
    "blend",
    "matched_budgets",
    "matched_budgets_of_pairs",
    "shorten",
]

_STORED = ("row", "shortened")


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
    pool: Pool
    unconverged: tuple[float | None, ...]
    transfer_fall: tuple[float | None, ...]
    fresh_gap: tuple[float | None, ...]

    @cached_property
    def best(self) -> Candidates:
        """The best candidates, one per budget."""
        return joined_best(self.pool)

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
        stored = tuple(
            c.take([i for i, how in enumerate(c.how) if how in _STORED]) for c in self.pool
        )
        return tuple(c.gap[i].item() for c, i in best_of(stored))


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
    search = BudgetSearch(model, [pair], budgets, batch, max_evaluations)
    rechecks = None if recheck is None else [recheck]
    (found,) = matched_budgets_of_pairs(search, [adversarial], lower=lower, rechecks=rechecks)
    return found


def matched_budgets_of_pairs(
    search: BudgetSearch,
    adversarial: Sequence[Tensor],
    *,
    lower: bool = True,
    rechecks: Sequence[torch.Generator] | None = None,
) -> list[MatchedBudgets]:
    """As `matched_budgets` for several pairs, whose attacks share batches.

    Args:
        search: the model, the pairs, and the settings.
        adversarial: the stored attacks of each pair.
        lower: whether budgeted attacks are made.
        rechecks: the random numbers of each pair's recheck; None for no recheck.
    """
    pools, model = search.candidates(adversarial), search.model
    nothing: tuple[float | None, ...] = (None,) * len(search.budgets)
    unconverged, transfer_falls, fresh = ([nothing] * len(pools) for _ in range(3))
    if lower:
        pools = search.lowered(pools)
    if lower and rechecks is not None:
        before, pools = pools, search.rechecked(pools, rechecks)
        unconverged = [_fall(*both) for both in zip(before, pools, strict=True)]
    if lower and isinstance(model, Wrapper):
        before, pools = pools, search.adapted(pools, _undefended(model, search, adversarial))
        transfer_falls = [_fall(*both) for both in zip(before, pools, strict=True)]
        fresh = search.fresh_gaps(pools) or fresh
    columns = zip(pools, unconverged, transfer_falls, fresh, strict=True)
    return [MatchedBudgets(search.budgets, *of_pair) for of_pair in columns]


def _undefended(
    model: Wrapper, search: BudgetSearch, adversarial: Sequence[Tensor]
) -> list[Tensor]:
    """The best images of each pair against the model without its defence."""
    plain = [Pair.of(model.undefended, pair.x, pair.target) for pair in search.pairs]
    known = replace(search, model=model.undefended, pairs=plain)
    return [found.images for found in matched_budgets_of_pairs(known, adversarial)]


def _fall(before: Pool, after: Pool) -> tuple[float | None, ...]:
    """The fall of the best gap at each budget."""
    return tuple((joined_best(before).gap - joined_best(after).gap).tolist())
