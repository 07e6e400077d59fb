"""How many trainings would decide a contrast that the present ones leave open."""

import math

from scipy.special import stdtrit

from seatbelt_vae.evaluation.two_way_bootstrap import FEWEST_SEEDS
from seatbelt_vae.paper.claims.contrast import Effect

__all__ = ["trainings_to_decide"]

_OUTSIDE, _POWER = 0.05, 0.8
_MOST = 1000


def trainings_to_decide(effect: Effect) -> int | None:
    r"""Trainings of each kind of model that decide a contrast with a probability of about 0.8.

    With an effect v, a margin m, and the squared standard errors a of S trainings and b of the
    pairs, n trainings decide if :math:`(t_{1-\alpha/2} + t_{0.8})\sqrt{aS/n + b} \leq
    \max(|v|, m - |v|)`: the interval then leaves out 0, or stays within the margin. Student's t has
    n − 1 degrees of freedom. None if the contrast is decided or has no interval or no standard
    errors, or if even 1,000 trainings would not do, because the pairs are too few.

    Args:
        effect: the contrast; for a ratio, of its logarithm.
    """
    if effect.interval is None or effect.holds or effect.contradicts or effect.negligible:
        return None
    found = effect.estimate
    if found.value is None or not found.of_trainings + found.of_pairs:
        return None
    value = abs(math.log(found.value) if found.kind == "geometric" else found.value)
    enough = max(value, (effect.contrast.margin or 0.0) - value)
    upper = 1 - _OUTSIDE / 2 / effect.contrast.comparisons
    for count in range(FEWEST_SEEDS, _MOST + 1):
        error = math.sqrt(found.of_trainings * found.seeds / count + found.of_pairs)
        quantiles = float(stdtrit(count - 1, upper) + stdtrit(count - 1, _POWER))
        if quantiles * error <= enough:
            return count
    return None
