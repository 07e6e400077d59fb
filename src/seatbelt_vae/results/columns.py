"""The views and the columns each is known to have, whether or not any file has them yet.

What files hold beyond these is shown after them; `docs/rows.md` says what each means.
"""

from collections.abc import Mapping

import pyarrow as pa

__all__ = ["MEASURES", "RESERVED", "VIEWS", "Known"]

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
    """Names and types, as SQL would declare them."""
    return {name: _TYPES[kind] for name, kind in (one.split() for one in columns.split(","))}


_METHOD = (
    "loss VARCHAR, layers VARCHAR, path VARCHAR, threat VARCHAR, strength VARCHAR, solver VARCHAR"
)
_BRACKETS = ", ".join(
    f"{name}_lower DOUBLE, {name}_upper DOUBLE, "
    f"{name}_chains BIGINT, {name}_images BIGINT, {name}_queries BIGINT"
    for name in ("tc", "mi")
)
_AT_BUDGETS = ", ".join(
    f"{name}@{epsilon} DOUBLE"
    for name in ("gap", "gap_of_rows", "blend_gap")
    for epsilon in (0.05, 0.1, 0.2, 0.3, 0.5)
)

MEASURES = _known("""
    run VARCHAR, suite VARCHAR, pair BIGINT, level DOUBLE,
    gap DOUBLE, gap_sampled DOUBLE, distortion DOUBLE, nll_target DOUBLE, target_error DOUBLE,
    target_distance DOUBLE, target_reconstruction_error DOUBLE, told_apart BOOLEAN,
    told_apart_distortion BOOLEAN
""")
"""Columns of ``measures/``, which the view of attacks joins to each attack's own."""

VIEWS: Mapping[str, Known] = {
    "runs": _known("""
        run VARCHAR, data VARCHAR, data_place VARCHAR, image_size BIGINT, image_shape BIGINT[],
        images BIGINT, preset VARCHAR, objective VARCHAR, beta DOUBLE, depth BIGINT,
        latent_sizes BIGINT[], top_size BIGINT, network VARCHAR, likelihood VARCHAR,
        variance DOUBLE, seed BIGINT, epochs BIGINT, steps BIGINT, batch_size BIGINT,
        learning_rate DOUBLE, ema_decay DOUBLE, free_bits DOUBLE, free_bits_group VARCHAR,
        tc_estimator VARCHAR, kl_warm_up BIGINT, tc_warm_up BIGINT, precision VARCHAR,
        finished BOOLEAN, weights_digest VARCHAR
    """),
    "evaluations": _known(f"""
        run VARCHAR, images BIGINT, elbo DOUBLE, iwae DOUBLE, iwae_draws BIGINT,
        log_likelihood DOUBLE, divergences DOUBLE[], active_units BIGINT[],
        active_threshold DOUBLE, unexplained_variance DOUBLE, iou DOUBLE, mig DOUBLE, {_BRACKETS},
        sigma_norm_mean DOUBLE[], sigma_norm_quantile_levels DOUBLE[],
        sigma_norm_quantiles DOUBLE[][]
    """),
    "suites": _known(f"""
        run VARCHAR, suite VARCHAR, {_METHOD}, vary VARCHAR, among VARCHAR, weights VARCHAR,
        weight_count BIGINT,
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
            outside_bounds BOOLEAN
        """),
        **MEASURES,
    },
    "pairs": _known(f"""
        run VARCHAR, suite VARCHAR, pair BIGINT, input_index BIGINT, target_index BIGINT,
        image_distance DOUBLE, told_apart BOOLEAN, told_apart_distortion BOOLEAN,
        target_reconstruction_error DOUBLE, auddc_dropped BIGINT, divergence_ratio DOUBLE,
        {_AT_BUDGETS}, auddc DOUBLE,
        auddc_worst DOUBLE, delta_over_bound DOUBLE, reconstruction_error DOUBLE, delta DOUBLE,
        bound DOUBLE, divergence DOUBLE, divergence_start DOUBLE, delta_mean DOUBLE,
        bound_mean DOUBLE, nll_target DOUBLE, target_error DOUBLE, distance DOUBLE,
        distance_relative DOUBLE, unconverged_share DOUBLE
    """),
    "budgets": _known("""
        run VARCHAR, suite VARCHAR, pair BIGINT, epsilon DOUBLE, gap DOUBLE, how VARCHAR,
        gap_of_rows DOUBLE, blend_gap DOUBLE, identity_gap DOUBLE, distance_relative DOUBLE,
        told_apart BOOLEAN
    """),
    "flags": _known("""
        run VARCHAR, suite VARCHAR, name VARCHAR, raised BOOLEAN, value DOUBLE, detail VARCHAR
    """),
    "metrics": _known("""
        run VARCHAR, step BIGINT, split VARCHAR, objective DOUBLE, elbo DOUBLE,
        log_likelihood DOUBLE, total_correlation DOUBLE, floored DOUBLE, gradient_norm DOUBLE,
        learning_rate DOUBLE
    """),
    "sigma": _known("run VARCHAR, image BIGINT, sigma_norm DOUBLE[], elbo DOUBLE"),
    "units": _known("run VARCHAR, layer BIGINT, unit BIGINT, divergence DOUBLE, active BOOLEAN"),
    "denoising": _known("run VARCHAR, image BIGINT, sigma DOUBLE, log_likelihood DOUBLE"),
    "mig": _known("""
        run VARCHAR, factor VARCHAR, mig DOUBLE, mig_lower DOUBLE, mig_upper DOUBLE,
        entropy DOUBLE, best_unit BIGINT, second_unit BIGINT, mi_best DOUBLE, mi_second DOUBLE
    """),
    "downstream": _known("""
        run VARCHAR, strength VARCHAR, classifier VARCHAR, image BIGINT, label BIGINT,
        target_image BIGINT, target_label BIGINT, clean_prediction BIGINT,
        attacked_prediction BIGINT, distance_relative DOUBLE, divergence_ratio DOUBLE,
        exceeds_bound BOOLEAN, status VARCHAR
    """),
    "codes": _known("""
        run VARCHAR, image BIGINT, mean DOUBLE[], code DOUBLE[], pixels DOUBLE[],
        reconstruction DOUBLE[], angle BIGINT
    """),
    "members": _known("run VARCHAR, experiment VARCHAR, series VARCHAR"),
}
"""Every view that is there without any file, with its known columns."""

_EVALUATED = {"sigma", "units", "denoising", "mig", "downstream", "codes", "members"}
RESERVED = frozenset({*VIEWS, "measures"} - _EVALUATED)
"""Names that no file of ``evaluation/`` may have."""
