"""The columns of an attack row, in stored order, and the one place where a row is assembled.

A row belongs to one level of one pair. ``docs/rows.md`` prints `COLUMNS`, and a test compares both.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from torch import Tensor

from seatbelt_vae.config import AttackConfig

__all__ = ["COLUMNS", "AttackColumn", "attack_rows", "row_identity"]


@dataclass(frozen=True)
class AttackColumn:
    """One column.

    Args:
        name: its name in the Parquet file.
        type: its SQL type.
        meaning: one line, as in ``docs/rows.md``.
        attribute: dotted attributes of `AttackResult`; empty if the caller supplies the value.
    """

    name: str
    type: str
    meaning: str
    attribute: str = ""


_IDENTITY = (
    AttackColumn("pair", "BIGINT", "number of the pair"),
    AttackColumn("input_index", "BIGINT", "position of the input in the test split"),
    AttackColumn("target_index", "BIGINT", "position of the target in the test split"),
    AttackColumn("loss", "VARCHAR", "the loss r; see [attacks](attacks.md)"),
    AttackColumn("layers", "VARCHAR", "layers that a latent loss compares"),
    AttackColumn(
        "path", "VARCHAR", "`mean`, `common` or `sampled`: how layers above z¹ are reached"
    ),
    AttackColumn("threat", "VARCHAR", "`penalty`, `squared-penalty`, `l2` or `linf`"),
    AttackColumn("strength", "VARCHAR", "strength of the attack: `strong`, `single` or `paper`"),
    AttackColumn("solver", "VARCHAR", "`quasi-newton` or `pgd`"),
    AttackColumn("seed", "BIGINT", "seed of the attack"),
)
_OF_PAIR = (
    AttackColumn("divergence_start", "DOUBLE", "r₀, the loss at d = 0", "problem.divergence_start"),
    AttackColumn(
        "divergence_target",
        "DOUBLE",
        "r at the target itself: the noise floor of a sampled path",
        "problem.divergence_target",
    ),
    AttackColumn("image_distance", "DOUBLE", "‖x_t − x‖₂", "problem.image_norms.l2"),
    AttackColumn(
        "gradient_norm",
        "DOUBLE",
        "‖P(−∇r)‖₂ at d = 0, P onto the box's tangent cone; d = 0 is a strict local minimum for "
        "every λ above it",
        "problem.gradient_norm",
    ),
    AttackColumn(
        "unconverged",
        "DOUBLE",
        "largest fall of log(Δ − c + 10⁻³(r₀ − c)) among the pair's rows after some of them were "
        "solved again from new starts; older suites hold the mean over those rows",
        "unconverged",
    ),
    AttackColumn(
        "raw_violation",
        "DOUBLE",
        "largest violation by `delta_raw` of a rising concave Δ(λ), or of a falling r(ε), over "
        "r₀ − c",
        "raw_violation",
    ),
    AttackColumn(
        "divergence_floor",
        "DOUBLE",
        "c, the loss's greatest lower bound: 0 for a KL; null if it has none",
        "problem.loss.floor",
    ),
    AttackColumn(
        "divergence_parts_start", "DOUBLE[]", "parts of r at d = 0", "problem.parts_start"
    ),
)
_OF_LEVEL = (
    AttackColumn("level", "DOUBLE", "λ or ε, in absolute units", "levels"),
    AttackColumn(
        "level_relative",
        "DOUBLE",
        "λ·‖x_t − x‖ / (r₀ − c) (‖x_t − x‖² for the squared penalty), ε / ‖x_t − x‖, or "
        "ε / (hi − lo): the same scale for every model",
        "level_relative",
    ),
    AttackColumn(
        "delta",
        "DOUBLE",
        "Δ = r + λ‖d‖, or r within the budget, of the best distortion known",
        "delta",
    ),
    AttackColumn(
        "delta_raw",
        "DOUBLE",
        "smallest Δ of this row's descents; under `strong` also of the start points, d = 0 among "
        "them; null without a descent that was meant to reach a minimum",
        "delta_raw",
    ),
    AttackColumn(
        "bound",
        "DOUBLE",
        "the trivial bound B: Δ of the input, or of the farthest point towards the target that the "
        "level allows",
        "bound",
    ),
    AttackColumn(
        "exceeds_bound",
        "BOOLEAN",
        "Δ of the attack before its controls is above B + 10⁻³·\\|B − c\\| + 2·10⁻⁷·(r₀ − c): "
        "a failed attack",
        "exceeds_bound",
    ),
    AttackColumn("divergence", "DOUBLE", "r at x\\*", "divergence"),
    AttackColumn(
        "divergence_parts",
        "DOUBLE[]",
        "its parts: one per layer, or likelihood and prior of the output loss",
        "parts",
    ),
    AttackColumn("divergence_ratio", "DOUBLE", "(r − c) / (r₀ − c)", "divergence_ratio"),
    AttackColumn("distance", "DOUBLE", "‖d‖₂", "norms.l2"),
    AttackColumn("distance_relative", "DOUBLE", "‖d‖₂ / ‖x_t − x‖₂", "distance_relative"),
    AttackColumn("distance_max", "DOUBLE", "‖d‖∞", "norms.linf"),
    AttackColumn(
        "outside_bounds",
        "BOOLEAN",
        "some pixel of x\\* is outside the image bounds",
        "outside_bounds",
    ),
    AttackColumn(
        "evaluations", "BIGINT", "gradient evaluations spent on this level", "evaluations"
    ),
    AttackColumn(
        "status",
        "VARCHAR",
        "end of the descent: converged, stationary, line search failed, evaluation limit, not "
        "finite; `raced`, `on one draw` or `smoothed`: cut short, yet nothing better is known; "
        "`stationary at 0`; `start point`; `refined` in float64; `control`",
        "status",
    ),
    AttackColumn(
        "start",
        "VARCHAR",
        "its start point: zero, segment, target, blend, noise, restart, code, image, recheck; "
        "`float64`, a solution refined; or the control that found x\\*, also `undefended` (a "
        "solution of the model without its defence at inference), `bpda` or `eot` (descents "
        "with its gradients, or over draws of noise)",
        "start",
    ),
    AttackColumn(
        "at_start",
        "BOOLEAN",
        "x\\* is a point that no descent has improved: the input, the target or one between them",
        "at_start",
    ),
)
_BEFORE_CONTROLS = (
    AttackColumn(
        "delta_attack",
        "DOUBLE",
        "Δ of the gradient attack before its controls; under `paper` the controls change nothing",
        "delta",
    ),
    AttackColumn("status_attack", "VARCHAR", "its `status`", "status"),
)
_CONTROLS = (
    AttackColumn(
        "delta_noise",
        "DOUBLE",
        "smallest Δ of random noise of the attack's size; null if not tried, as below",
    ),
    AttackColumn("noise_beats", "BOOLEAN", "it is below `delta_attack` by more than 1 %"),
    AttackColumn("delta_gradient_free", "DOUBLE", "smallest Δ of a search by values only"),
    AttackColumn("gradient_free_beats", "BOOLEAN", "it is below `delta_attack` by more than 1 %"),
    AttackColumn(
        "delta_transfer",
        "DOUBLE",
        "smallest Δ of a sibling's adversarial images, or of attacks that know the model without "
        "its defence at inference",
    ),
    AttackColumn("transfer_beats", "BOOLEAN", "it is below `delta_attack` by more than 1 %"),
)
_CHECKS = (
    AttackColumn("repeatable", "BOOLEAN", "encoder and loss return the same values twice"),
    AttackColumn(
        "training_mode",
        "BOOLEAN",
        "a part of the model was in training mode; false since such a model is refused",
    ),
    AttackColumn(
        "gradient_usable", "BOOLEAN", "the gradient near the input is finite and not zero"
    ),
    AttackColumn(
        "clamped_units", "BIGINT", "latent units of the input whose log-variance is beyond ±20"
    ),
)
COLUMNS = (*_IDENTITY, *_OF_PAIR, *_OF_LEVEL, *_BEFORE_CONTROLS, *_CONTROLS, *_CHECKS)
"""All columns of a suite's rows, in stored order."""


def attack_rows(
    result: Any,
    pair: int,
    *,
    before: Any = None,
    controls: Mapping[str, Tensor] | None = None,
    checks: Mapping[str, Any] | None = None,
    identity: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """One row of plain values per level of a pair; columns without a source are left out.

    Args:
        result: the `AttackResult` to report.
        pair: index of the pair in it.
        before: the result before its controls (default: ``result``).
        controls: ``delta_…`` and ``…_beats`` of every control that was tried, :math:`(P, W)`.
        checks: what the checks of the model found on this pair.
        identity: the pair and the settings it was attacked with.
    """
    before = result if before is None else before
    count = result.levels.shape[1]

    def repeated(
        columns: tuple[AttackColumn, ...], source: Mapping[str, Any]
    ) -> dict[str, list[Any]]:
        return {column.name: [source[column.name]] * count for column in columns}

    def read(columns: tuple[AttackColumn, ...], attack: Any) -> dict[str, Any]:
        values = {column.name: attrgetter(column.attribute)(attack) for column in columns}
        values = {name: None if value is None else value[pair] for name, value in values.items()}
        return {k: v.tolist() if isinstance(v, Tensor) else v for k, v in values.items()}

    lists = {} if identity is None else repeated(_IDENTITY, identity)
    lists |= repeated(_OF_PAIR, read(_OF_PAIR, result))
    lists |= read(_OF_LEVEL, result) | {"exceeds_bound": before.exceeds_bound[pair].tolist()}
    if controls is not None:
        lists |= read(_BEFORE_CONTROLS, before)
        for column in _CONTROLS:
            tried = controls.get(column.name)
            lists[column.name] = [None] * count if tried is None else tried[pair].tolist()
    if checks is not None:
        lists |= repeated(_CHECKS, checks)
    return [{name: _plain(values[row]) for name, values in lists.items()} for row in range(count)]


def row_identity(
    config: AttackConfig, pair: int, positions: tuple[int | None, int | None] = (None, None)
) -> dict[str, Any]:
    """The columns that identify the rows of a pair.

    Args:
        config: the settings of the attack.
        pair: the number of the pair.
        positions: those of input and target in the data, if they are of a data set.
    """
    input_index, target_index = positions
    return {
        "pair": pair,
        "input_index": input_index,
        "target_index": target_index,
        "loss": config.loss,
        "layers": config.layers,
        "path": config.path_used,
        "threat": config.threat,
        "strength": config.strength,
        "solver": config.solver,
        "seed": config.seed,
    }


def _plain(value: Any) -> Any:
    """A stored value; an unknown number is None, not NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value
