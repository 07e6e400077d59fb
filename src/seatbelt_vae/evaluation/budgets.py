r"""The smallest reconstruction gap within matched budgets :math:`\|d\| \leq \varepsilon\|x_t-x\|`.

Attacks that weigh distance by λ jump over most budgets, so their rows are also shortened to each
budget, and from the best of these budgeted attacks lower the divergence of posteriors and then the
gap itself. Every number is an upper bound of the smallest gap: a stronger attack can only lower it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seatbelt_vae.attacks import Aim, budgeted_attack
from seatbelt_vae.evaluation.gap import Pair, image_norm, reconstruct
from seatbelt_vae.evaluation.measures import BUDGETS
from seatbelt_vae.protocol import Autoencoder

__all__ = ["Candidates", "MatchedBudgets", "blend", "matched_budgets", "shorten"]

_ROUNDING = 1e-6
_STORED = ("row", "shortened")
# what is tried, in turn: how it is called, what it lowers, and for how long; the first only has to
# find a better start for the second
_BUDGETED: tuple[tuple[str, Aim, int], ...] = (
    ("budgeted-latent", "posterior", 30),
    ("budgeted", "reconstruction", 100),
)


def shorten(x: Tensor, adversarial: Tensor, length: float) -> Tensor:
    r""":math:`x + \min(1, \ell/\|d\|)\,d`, :math:`d = x^* - x`: attacks pulled back to length ℓ.

    The result lies between two images of the box, hence inside it; :math:`\|d\| \leq \ell` holds
    to rounding.

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
    """Images within one budget, with what they achieve.

    Args:
        images, reconstructions: :math:`(n, C, H, W)`.
        how: of each, ``zero`` (the input itself), ``row``, ``shortened``, ``blend``,
            ``budgeted-latent`` or ``budgeted``.
        distance_relative, gap, distortion: of each, float64; see `Pair`.
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
        """The input, every row pulled back to the budget, and last the blend at its rim."""
        budget = epsilon * pair.image_distance
        inside = pair.norm(adversarial - pair.x) <= budget * (1 + _ROUNDING)
        pulled = shorten(pair.x, adversarial, budget)
        images = torch.cat([pair.x[None], pulled, blend(pair, epsilon)[None]])
        rows = tuple("row" if row else "shortened" for row in inside.tolist())
        return cls.of(model, pair, images, ("zero", *rows, "blend"), batch)

    @classmethod
    def of(
        cls, model: Autoencoder, pair: Pair, images: Tensor, how: tuple[str, ...], batch: int
    ) -> "Candidates":
        """Images with what they achieve."""
        reconstructions = reconstruct(model, images, batch=batch)
        return cls(
            images,
            reconstructions,
            how,
            pair.distance_relative(images),
            pair.gap(reconstructions),
            pair.distortion(reconstructions),
        )

    def joined(self, other: "Candidates") -> "Candidates":
        """These and then the others."""
        return Candidates(
            torch.cat([self.images, other.images]),
            torch.cat([self.reconstructions, other.reconstructions]),
            self.how + other.how,
            torch.cat([self.distance_relative, other.distance_relative]),
            torch.cat([self.gap, other.gap]),
            torch.cat([self.distortion, other.distortion]),
        )

    def only(self, how: tuple[str, ...]) -> "Candidates":
        """Those of some kinds."""
        kept = torch.tensor([one in how for one in self.how], device=self.gap.device)
        return Candidates(
            self.images[kept],
            self.reconstructions[kept],
            tuple(one for one in self.how if one in how),
            self.distance_relative[kept],
            self.gap[kept],
            self.distortion[kept],
        )

    @property
    def best(self) -> int:
        """The candidate with the smallest gap."""
        return int(self.gap.argmin())


@dataclass(frozen=True)
class MatchedBudgets:
    r"""The best candidate of every budget, a candidate of a smaller budget serving the larger too.

    Args:
        epsilon: the budgets, ascending.
        images, reconstructions: the best candidates, :math:`(E, C, H, W)`.
        how: what each is, see `Candidates`.
        gap, distance_relative: of each.
        blend_gap: of the blend at each budget; the identity map's is :math:`1-\varepsilon`.
        gap_of_rows: the smallest of the stored attacks, shortened where they must be.
        pool: all candidates, one entry a budget.
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


def matched_budgets(
    model: Autoencoder,
    pair: Pair,
    adversarial: Tensor,
    budgets: tuple[float, ...] = BUDGETS,
    *,
    lower: bool = True,
    batch: int = 64,
) -> MatchedBudgets:
    r"""Upper bound of :math:`\min_{\|d\|\leq\varepsilon\|x_t-x\|}` gap, for each ε.

    Over the input itself, the stored attacks within the budget, those shortened to it, the blend,
    and budgeted attacks, first on the divergence of posteriors and then on the gap itself, that
    begin at the best so far and at the blend; non-increasing in ε.

    Args:
        model: the autoencoder, in evaluation mode.
        pair: input and target.
        adversarial: the stored attacks, :math:`(n, C, H, W)`.
        budgets: ε, ascending.
        lower: whether budgeted attacks are made; else only what is stored and what needs no
            optimiser counts.
        batch: images evaluated at once.
    """
    pool = tuple(Candidates.within(model, pair, adversarial, e, batch) for e in budgets)
    blend_gap = tuple(candidates.gap[-1].item() for candidates in pool)
    stored = [c.only(_STORED) for c in pool]
    gap_of_rows = tuple(c.gap[i].item() for c, i in _best(stored))
    if lower:
        for how, aim, evaluations in _BUDGETED:
            found = _lowered(model, pair, pool, budgets, aim, evaluations, batch)
            more = [Candidates.of(model, pair, two, (how, how), batch) for two in found]
            pool = tuple(c.joined(two) for c, two in zip(pool, more, strict=True))
    best = _best(pool)
    return MatchedBudgets(
        epsilon=budgets,
        images=torch.stack([c.images[i] for c, i in best]),
        reconstructions=torch.stack([c.reconstructions[i] for c, i in best]),
        how=tuple(c.how[i] for c, i in best),
        gap=tuple(c.gap[i].item() for c, i in best),
        distance_relative=tuple(c.distance_relative[i].item() for c, i in best),
        blend_gap=blend_gap,
        gap_of_rows=gap_of_rows,
        pool=pool,
    )


def _best(pool: Sequence[Candidates]) -> list[tuple[Candidates, int]]:
    """Of every budget, its best candidate or that of a smaller budget."""
    best = [(pool[0], pool[0].best)]
    for candidates in pool[1:]:
        before, kept = best[-1]
        better = bool(candidates.gap[candidates.best] < before.gap[kept])
        best.append((candidates, candidates.best) if better else (before, kept))
    return best


def _lowered(
    model: Autoencoder,
    pair: Pair,
    pool: Sequence[Candidates],
    budgets: Sequence[float],
    aim: Aim,
    evaluations: int,
    batch: int,
) -> Sequence[Tensor]:
    """Budgeted attacks for each budget, from its best candidate and from its blend."""
    starts = [c.images[k] for c in pool for k in (c.best, c.how.index("blend"))]
    found = budgeted_attack(
        model,
        pair.x,
        pair.target,
        [epsilon * pair.image_distance for epsilon in budgets for _ in range(2)],
        torch.stack(starts),
        aim=aim,
        evaluations=evaluations,
        micro_batch=batch,
    )
    return torch.split(found, 2)
