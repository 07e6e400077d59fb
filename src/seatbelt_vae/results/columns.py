"""The views of the results store and their known columns, which exist even without any file.

Further columns of the files follow the known ones. `docs/rows.md` documents each column. Columns of
measures come from their declarations.
"""

from collections.abc import Iterable, Mapping
from itertools import chain

import pyarrow as pa

from seatbelt_vae.evaluation.audit_columns import AUDIT_FILES, AUDIT_VIEWS
from seatbelt_vae.evaluation.measures import (
    BUDGETS,
    MODEL_MEASURES,
    PAIR_MEASURES,
    Column,
    RowTable,
)

__all__ = ["MEASURED", "Known", "reserved", "views"]

Known = Mapping[str, pa.DataType]

_REALS = pa.list_(pa.float64())
_TYPES = {
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "BIGINT": pa.int64(),
    "BIGINT[]": pa.list_(pa.int64()),
    "DOUBLE": pa.float64(),
    "DOUBLE[]": _REALS,
    "DOUBLE[][]": pa.list_(_REALS),
}


def _known(columns: str) -> Known:
    """Columns from a declaration in SQL."""
    return {name: _TYPES[kind] for name, kind in map(str.split, columns.split(","))}


_METHOD = (
    "loss VARCHAR, layers VARCHAR, path VARCHAR, threat VARCHAR, strength VARCHAR, solver VARCHAR"
)


def _declared(columns: Iterable[Column]) -> Known:
    return {column.name: _TYPES[column.type] for column in columns}


def _tables(tables: Iterable[RowTable]) -> dict[str, Known]:
    """The columns of row tables by view."""
    return {t.view: {"run": pa.string(), **_declared(t.columns)} for t in tables}


MEASURED = _known("""
    run VARCHAR, suite VARCHAR, pair BIGINT, level DOUBLE,
    gap DOUBLE, gap_sampled DOUBLE, distortion DOUBLE, nll_target DOUBLE, nll_target_floor DOUBLE,
    target_error DOUBLE, target_distance DOUBLE, target_reconstruction_error DOUBLE,
    told_apart BOOLEAN, told_apart_distortion BOOLEAN
""")
"""Columns of ``measures/``, joined to the columns of each attack in the view ``attacks``."""

_FIXED: Mapping[str, Known] = {
    "runs": _known("""
        run VARCHAR, data VARCHAR, data_place VARCHAR, image_size BIGINT, image_shape BIGINT[],
        images BIGINT, channels BIGINT, background VARCHAR, black DOUBLE, white DOUBLE,
        skip_bad BOOLEAN, first_frame BOOLEAN, follow_links BOOLEAN,
        standardise BOOLEAN, preset VARCHAR,
        objective VARCHAR, beta DOUBLE, depth BIGINT, latent_sizes BIGINT[], top_size BIGINT,
        network VARCHAR, filters BIGINT[], features BIGINT, hierarchy_widths BIGINT[],
        lipschitz_constants DOUBLE[],
        likelihood VARCHAR, variance DOUBLE, seed BIGINT, epochs BIGINT, steps BIGINT,
        batch_size BIGINT, learning_rate DOUBLE, schedule VARCHAR, gradient_clip DOUBLE,
        ema_decay DOUBLE, free_bits DOUBLE, free_bits_group VARCHAR, tc_estimator VARCHAR,
        kl_warm_up BIGINT, tc_warm_up BIGINT, warm_up_period BIGINT,
        defence VARCHAR, defence_radius DOUBLE, defence_norm VARCHAR, defence_steps BIGINT,
        defence_warm_up BIGINT, denoising_weight DOUBLE, coupling_source VARCHAR,
        coupling_correlation DOUBLE, jacobian_weight DOUBLE, jacobian_iterations BIGINT,
        precision VARCHAR, finished BOOLEAN, weights_digest VARCHAR
    """),
    "evaluations": _known("run VARCHAR, images BIGINT"),
    "suites": _known(f"""
        run VARCHAR, suite VARCHAR, {_METHOD}, vary VARCHAR, among VARCHAR, weights VARCHAR,
        weight_count BIGINT, levels DOUBLE[],
        budgets DOUBLE[], pairs BIGINT, seed BIGINT, draws BIGINT, restarts BIGINT,
        max_evaluations BIGINT, memory BIGINT, recheck DOUBLE, gradient_free BIGINT,
        fresh_draws BIGINT, test_images BIGINT, model VARCHAR, sibling VARCHAR, digest VARCHAR,
        attacked BIGINT, measured BIGINT, finished BOOLEAN
    """),
    "summaries": _known("""
        run VARCHAR, suite VARCHAR, measure VARCHAR, value DOUBLE, low DOUBLE, high DOUBLE,
        kind VARCHAR, n BIGINT, unit VARCHAR
    """),
    "attacks": {
        **_known(f"""
            run VARCHAR, suite VARCHAR, pair BIGINT, input_index BIGINT, target_index BIGINT,
            {_METHOD}, seed BIGINT, level DOUBLE, level_relative DOUBLE, delta DOUBLE,
            delta_attack DOUBLE, delta_raw DOUBLE, delta_noise DOUBLE, delta_gradient_free DOUBLE,
            delta_transfer DOUBLE, noise_beats BOOLEAN, gradient_free_beats BOOLEAN,
            transfer_beats BOOLEAN, bound DOUBLE, exceeds_bound BOOLEAN, divergence DOUBLE,
            divergence_parts DOUBLE[], divergence_start DOUBLE, divergence_parts_start DOUBLE[],
            divergence_target DOUBLE, divergence_floor DOUBLE, divergence_ratio DOUBLE,
            distance DOUBLE, distance_relative DOUBLE, distance_max DOUBLE, image_distance DOUBLE,
            gradient_norm DOUBLE, status VARCHAR, status_attack VARCHAR, start VARCHAR,
            evaluations BIGINT, unconverged DOUBLE, raw_violation DOUBLE, repeatable BOOLEAN,
            training_mode BOOLEAN, gradient_usable BOOLEAN, clamped_units BIGINT,
            outside_bounds BOOLEAN, at_start BOOLEAN
        """),
        **MEASURED,
    },
    "pairs": {
        **_known("""
            run VARCHAR, suite VARCHAR, pair BIGINT, input_index BIGINT, target_index BIGINT,
            image_distance DOUBLE, told_apart BOOLEAN, told_apart_distortion BOOLEAN,
            target_reconstruction_error DOUBLE, auddc_dropped BIGINT
        """),
        **{f"gap_of_rows@{epsilon:g}": pa.float64() for epsilon in BUDGETS},
    },
    "budgets": _known("""
        run VARCHAR, suite VARCHAR, pair BIGINT, epsilon DOUBLE, gap DOUBLE, gap_sampled DOUBLE,
        unconverged DOUBLE, transfer_fall DOUBLE, fresh_gap DOUBLE, how VARCHAR,
        gap_of_rows DOUBLE, blend_gap DOUBLE, identity_gap DOUBLE, first_order_gap DOUBLE,
        certified_gap DOUBLE, distance_relative DOUBLE, told_apart BOOLEAN
    """),
    "flags": _known("""
        run VARCHAR, suite VARCHAR, name VARCHAR, raised BOOLEAN, value DOUBLE, detail VARCHAR
    """),
    "metrics": _known("""
        run VARCHAR, step BIGINT, split VARCHAR, objective DOUBLE, elbo DOUBLE,
        log_likelihood DOUBLE, total_correlation DOUBLE, floored DOUBLE, gradient_norm DOUBLE,
        learning_rate DOUBLE
    """),
    **_tables([*AUDIT_VIEWS, *AUDIT_FILES.values()]),
}


def views() -> Mapping[str, Known]:
    """All views that exist without any file, with their known columns."""
    of_pairs = chain.from_iterable(m.columns for m in PAIR_MEASURES.values())
    of_models = chain.from_iterable(m.columns for m in MODEL_MEASURES.values())
    return {
        **_FIXED,
        "evaluations": {**_FIXED["evaluations"], **_declared(of_models)},
        "pairs": {**_FIXED["pairs"], **_declared(of_pairs)},
        **_tables(m.table for m in MODEL_MEASURES.values() if m.table is not None),
        "members": _known("run VARCHAR, experiment VARCHAR, series VARCHAR, training_s DOUBLE"),
        "linear": _known(
            "run VARCHAR, units BIGINT, pair BIGINT, epsilon DOUBLE, gap DOUBLE, elbo DOUBLE, "
            "unexplained_variance DOUBLE"
        ),
    }


def reserved() -> frozenset[str]:
    """Names that files of ``evaluation/`` must not have."""
    return frozenset({*_FIXED, "measures"})
