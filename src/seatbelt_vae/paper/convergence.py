"""Whether the models of a reproduction were trained long enough, and use all their layers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from seatbelt_vae.paper.claims.testability import FLOOR
from seatbelt_vae.paper.quantities import attack_rows
from seatbelt_vae.results import Store

__all__ = ["QUERY", "Training", "trainings"]

_LAST = 0.1
"""Share of the steps in which the rise of the ELBO is measured."""

_SLOPE_ERROR = (
    "sqrt(greatest(0, regr_syy(elbo, step) - regr_slope(elbo, step) * regr_sxy(elbo, step))"
    " / ((count(*) - 2) * regr_sxx(elbo, step)))"
)

QUERY = f"""WITH train AS (
  SELECT run, step, elbo, max(step) OVER (PARTITION BY run) AS trained
  FROM metrics WHERE split = 'train'
), rises AS (
  SELECT run, trained, regr_slope(elbo, step) * {_LAST} * trained AS rise,
    {_SLOPE_ERROR} * {_LAST} * trained AS rise_error
  FROM train WHERE step > {1 - _LAST} * trained GROUP BY run, trained HAVING count(*) > 2
), starts AS (
  SELECT run, avg(divergence_start) AS r0 FROM attacks
  WHERE strength = 'strong' AND {attack_rows("latent-kl")} GROUP BY run
)
SELECT data, CASE preset WHEN 'foreign' THEN run ELSE preset END AS model, beta, seed,
  trained AS steps, trained * batch_size AS images, elbo, rise, rise_error, active_units,
  latent_sizes, divergences[depth] AS top_kl,
  divergences[depth] / nullif({FLOOR}, 0) AS floors, tc_lower AS tc,
  CASE WHEN tc_saturated THEN tc_images END AS tc_limit, sigma_norm_mean AS sigma, r0
FROM (SELECT DISTINCT run FROM members) JOIN runs USING (run) JOIN evaluations USING (run)
LEFT JOIN rises USING (run) LEFT JOIN starts USING (run)
ORDER BY ALL"""
"""The rows of `trainings`."""


@dataclass(frozen=True)
class Training:
    """One trained model.

    Args:
        data, model, beta, seed: data set, preset (or name, if others trained the model), β, seed.
        steps, images: optimiser steps, and images seen; None if others trained the model.
        elbo: β = 1 ELBO of test images, nats.
        rise, rise_error: rise of the training ELBO over the last tenth of the steps by a straight
            line, and its standard error, nats; None if others trained the model.
        active_units, latent_sizes: units in use and units, by layer.
        top_kl: KL of the top layer, nats.
        floors: the same over its free-bits floor; None without free bits.
        tc: lower bound of the total correlation of the top layer, nats.
        tc_limit: the number of images that limits it, see `is_saturated`; None if none does.
        sigma: mean norm of the posterior standard deviations, by layer.
        r0: mean KL of the codes of two images; None if the model was not attacked.
    """

    data: str
    model: str
    beta: float
    seed: int
    steps: int | None
    images: int | None
    elbo: float
    rise: float | None
    rise_error: float | None
    active_units: Sequence[int]
    latent_sizes: Sequence[int]
    top_kl: float
    floors: float | None
    tc: float | None
    tc_limit: int | None
    sigma: Sequence[float]
    r0: float | None

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Units in use and units of each layer, bottom layer first."""
        return list(zip(self.active_units, self.latent_sizes, strict=True))

    @property
    def still_rising(self) -> bool:
        """Whether the ELBO rose by more than 1 % and two standard errors at the end."""
        if self.rise is None or self.rise_error is None:
            return False
        return self.rise > max(0.01 * abs(self.elbo), 2 * self.rise_error)

    @property
    def unused_layers(self) -> list[int]:
        """The layers without a unit in use, 1 next to the data."""
        return [layer for layer, units in enumerate(self.active_units, start=1) if not units]


def trainings(store: Store) -> list[Training]:
    """The trainings of a store, one per run.

    Args:
        store: a results store with the view ``members``.
    """
    names = {field.name for field in fields(Training)}
    return [
        Training(**{name: row[name] for name in names}) for row in store.query(QUERY).to_pylist()
    ]
