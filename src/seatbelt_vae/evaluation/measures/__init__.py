"""All measures, each declared once: columns, report tables and documents come from declarations.

To add a measure, write its declaration in a file of this package and list it below. `register` adds
a user's measure to the running process.
"""

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.evaluation.measures.attack_objective import ATTACK_OBJECTIVE
from seatbelt_vae.evaluation.measures.bounds import BOUNDS
from seatbelt_vae.evaluation.measures.damage import BUDGETS, DAMAGE
from seatbelt_vae.evaluation.measures.declaration import (
    CAPABILITIES,
    LATENT,
    Column,
    Measure,
    ModelMeasure,
    PairMeasure,
    RowTable,
    WithRows,
    capabilities,
)
from seatbelt_vae.evaluation.measures.latents import AGGREGATE, UNITS
from seatbelt_vae.evaluation.measures.on_request import ON_REQUEST
from seatbelt_vae.evaluation.measures.reconstructions import RECONSTRUCTIONS

__all__ = [
    "BUDGETS",
    "CAPABILITIES",
    "LATENT",
    "MODEL_MEASURES",
    "PAIR_MEASURES",
    "Column",
    "Measure",
    "ModelMeasure",
    "PairMeasure",
    "RowTable",
    "WithRows",
    "capabilities",
    "measures_by_group",
    "register",
]

PAIR_MEASURES: dict[str, PairMeasure] = {
    measure.name: measure for measure in (*DAMAGE, *ATTACK_OBJECTIVE)
}
"""Measures of attacked pairs by name, in the order of ``summary.json`` and of a report."""

MODEL_MEASURES: dict[str, ModelMeasure] = {
    measure.name: measure
    for measure in (
        *BOUNDS,
        *AGGREGATE,
        *RECONSTRUCTIONS,
        *UNITS,
        *ON_REQUEST,
    )
}
"""Measures of a model on held-out images by name, in the order of ``measures.json``."""


def register(measure: PairMeasure | ModelMeasure) -> None:
    """Add a measure to the suites, evaluations, views and reports of this process.

    Rows that were stored before have no value of the measure.

    Args:
        measure: the declaration.

    Raises:
        ConfigError: the name is taken, or the measure is optional, but no setting can name it.

    Example:
        >>> from seatbelt_vae.evaluation.measures import PairMeasure, register
        >>> worst = PairMeasure(
        ...     name="distance_max",
        ...     symbol="max ‖d‖",
        ...     formula=r"\\max\\lVert d\\rVert",
        ...     definition="Largest distortion of the pair's attacks.",
        ...     compute=lambda attacks, _: max(row["distance"] for row in attacks),
        ... )
        >>> register(worst)
        >>> PAIR_MEASURES.pop("distance_max").symbol
        'max ‖d‖'
    """
    table = measure.table if isinstance(measure, ModelMeasure) else None
    views = {m.table.view for m in MODEL_MEASURES.values() if m.table is not None}
    if measure.name in {*PAIR_MEASURES, *MODEL_MEASURES} or (table and table.view in views):
        raise ConfigError(f"a measure {measure.name!r} exists already: give yours another name")
    if isinstance(measure, PairMeasure):
        PAIR_MEASURES[measure.name] = measure
    elif measure.optional:
        raise ConfigError(f"{measure.name!r} is optional, but no setting names it: leave that out")
    else:
        MODEL_MEASURES[measure.name] = measure


def measures_by_group() -> dict[str, list[Measure]]:
    """The tables of a report by title: measures of pairs, then measures of models."""
    groups: dict[str, list[Measure]] = {}
    for measure in (*PAIR_MEASURES.values(), *MODEL_MEASURES.values()):
        if measure.group:
            groups.setdefault(measure.group, []).append(measure)
    return groups
