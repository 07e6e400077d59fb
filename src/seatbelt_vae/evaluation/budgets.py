r"""The smallest reconstruction gap within matched budgets :math:`\|d\| \leq \varepsilon\|x_t-x\|`.

Attacks that weigh distance by λ reach few of the budgets, so their rows are also shortened to each
budget. Budgeted attacks then lower the gap itself. Their first stage takes annealed gradient steps,
which leave the poor minima of large networks; the second exchanges distortions between neighbouring
budgets. A recheck from random starts tests whether they converged. Every number is an upper bound
of the smallest gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import chain

import torch
from torch import Tensor

from seatbelt_vae.attacks import budgeted_attack
from seatbelt_vae.evaluation.gap import Pair, image_norm, reconstruct
from seatbelt_vae.evaluation.measures import BUDGETS
from seatbelt_vae.protocol import Autoencoder

__all__ = ["Candidates", "MatchedBudgets", "blend", "matched_budgets", "shorten"]

_ROUNDING = 1e-6
_STORED = ("row", "shortened")
# evaluations of annealed steps and of the quasi-Newton method
_FIRST, _EXCHANGED, _RECHECKED = (120, 20), (0, 100), (150, 50)
_SMALLEST_SCALE = 0.1


def shorten(x: Tensor, adversarial: Tensor, length: float) -> Tensor:
    r""":math:`x + \min(1, \ell/\|d\|)\,d`, :math:`d = x^* - x`: attacks shortened to length ℓ.

    The result stays inside the box, which is convex; :math:`\|d\| \leq \ell` holds to rounding.

    Args:
        x: the input :math:`(C, H, W)`.
        adversarial: :math:`x^*`, shape :math:`(n, C, H, W)`.
        length: ℓ.

    Example:
        >>> shorten(torch.zeros(1, 1, 2), torch.tensor([[[[3.0, 4.0]]]]), 2.5)
        tensor([[[[1.5000, 2.0000]]]])
    """
    d = (adversarial - x).double()
    size = image_norm(d, x.ndim).clamp_min(torch.finfo(torch.float64).tiny)
    share = (length / size).clamp(max=1).view(-1, *[1] * x.ndim)
    shortened = (x.double() + share * d).to(x)
    return torch.where(share == 1, adversarial, shortened)


def blend(pair: Pair, epsilon: float) -> Tensor:
    r""":math:`x + \varepsilon(x_t - x)`, the attack that needs no model; :math:`(C, H, W)`."""
    return torch.lerp(pair.x, pair.target, epsilon)


@dataclass(frozen=True)
class Candidates:
    """Images within one budget, with their reconstructions and measures.

    Args:
        images, reconstructions: :math:`(n, C, H, W)`.
        how: the origin of each: ``zero`` (the input itself), ``row``, ``shortened``, ``blend``,
            ``budgeted`` or ``budgeted-recheck``.
        distance_relative, gap, distortion: of each image, float64; see `Pair`.
    """

    images: Tensor
    reconstructions: Tensor
    how: tuple[str, ...]
    distance_relative: Tensor
    gap: Tensor
    distortion: Tensor

    @classmethod
    def within(
        cls, model: Autoencoder, pair: Pair, adversarial: Tensor, epsilon: float, batch: int
    ) -> "Candidates":
        """The input, every row shortened to the budget, and last the blend."""
        budget = epsilon * pair.image_distance
        inside = pair.norm(adversarial - pair.x) <= budget * (1 + _ROUNDING)
        shortened = shorten(pair.x, adversarial, budget)
        images = torch.cat([pair.x[None], shortened, blend(pair, epsilon)[None]])
        rows = tuple("row" if row else "shortened" for row in inside.tolist())
        return cls.of(model, pair, images, ("zero", *rows, "blend"), batch)

    @classmethod
    def of(
        cls, model: Autoencoder, pair: Pair, images: Tensor, how: tuple[str, ...], batch: int
    ) -> "Candidates":
        """Images with the reconstructions of a model."""
        reconstructions = reconstruct(model, images, batch=batch)
        return cls(
            images,
            reconstructions,
            how,
            pair.distance_relative(images),
            pair.gap(reconstructions),
            pair.distortion(reconstructions),
        )

    @classmethod
    def joined(cls, parts: Sequence["Candidates"]) -> "Candidates":
        """The candidates of all parts, in order."""
        columns = {f.name: [getattr(part, f.name) for part in parts] for f in fields(cls)}
        how = tuple(chain.from_iterable(columns.pop("how")))
        return cls(how=how, **{name: torch.cat(values) for name, values in columns.items()})

    def take(self, positions: Sequence[int]) -> "Candidates":
        """The candidates at some positions."""
        tensors = {name: value for name, value in vars(self).items() if name != "how"}
        return Candidates(
            how=tuple(self.how[i] for i in positions),
            **{name: value[list(positions)] for name, value in tensors.items()},
        )

    @property
    def best(self) -> int:
        """The position of the smallest gap."""
        return int(self.gap.argmin())


@dataclass(frozen=True)
class MatchedBudgets:
    r"""The best candidate of every budget, among those of this budget and of smaller ones.

    Args:
        epsilon: the budgets, ascending.
        images, reconstructions: the best candidates, :math:`(E, C, H, W)`.
        how: the origin of each, see `Candidates`.
        gap, distance_relative: of each.
        blend_gap: gap of the blend at each budget, :math:`1-\varepsilon` for the identity map.
        gap_of_rows: smallest gap of the stored attacks, shortened to the budget where necessary.
        pool: all candidates, one entry per budget.
        unconverged: fall of the gap by the recheck at each budget; None without a recheck.
    """

    epsilon: tuple[float, ...]
    images: Tensor
    reconstructions: Tensor
    how: tuple[str, ...]
    gap: tuple[float, ...]
    distance_relative: tuple[float, ...]
    blend_gap: tuple[float, ...]
    gap_of_rows: tuple[float, ...]
    pool: tuple[Candidates, ...]
    unconverged: tuple[float | None, ...]


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
    stored = [c.take([i for i, how in enumerate(c.how) if how in _STORED]) for c in pool]
    attack = partial(_lowered, model, pair, budgets, batch, max_evaluations)
    if lower:
        pool = attack(pool, _first_starts(pool), "budgeted", *_FIRST)
        pool = attack(pool, _exchanged_starts(pair, pool, budgets), "budgeted", *_EXCHANGED)
    best, unconverged = _joined_best(pool), (None,) * len(budgets)
    if lower and recheck:
        new, before = _new_starts(pair, pool, budgets, recheck), best
        best = _joined_best(pool := attack(pool, new, "budgeted-recheck", *_RECHECKED))
        unconverged = tuple((before.gap - best.gap).tolist())
    return MatchedBudgets(
        epsilon=budgets,
        images=best.images,
        reconstructions=best.reconstructions,
        how=best.how,
        gap=tuple(best.gap.tolist()),
        distance_relative=tuple(best.distance_relative.tolist()),
        blend_gap=tuple(c.gap[c.how.index("blend")].item() for c in pool),
        gap_of_rows=tuple(c.gap[i].item() for c, i in _best(stored)),
        pool=pool,
        unconverged=unconverged,
    )


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
) -> tuple[Candidates, ...]:
    """The pool with budgeted attacks from the starts of each budget, :math:`(S, C, H, W)`."""
    each = [len(points) for points in starts]
    found = budgeted_attack(
        model,
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
    )
    added = [Candidates.of(model, pair, i, (how,) * len(i), batch) for i in found.split(each)]
    return tuple(Candidates.joined(parts) for parts in zip(pool, added, strict=True))


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
