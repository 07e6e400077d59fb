"""Optional measures, computed only if `EvaluationConfig` names them; each stores rows."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from seatbelt_vae.evaluation.measures.declaration import Column, ModelMeasure, RowTable, WithRows

if TYPE_CHECKING:
    from seatbelt_vae.config import EvaluationConfig
    from seatbelt_vae.data import ImageData
    from seatbelt_vae.evaluation.measure_input import MeasureInput

__all__ = ["ON_REQUEST"]

_optional = partial(ModelMeasure, optional=True, group="")
_IMAGE = Column("image", "BIGINT", "position in the test split")


def _denoising(evaluated: "MeasureInput") -> WithRows:
    """Values without noise and at the paper's noise levels, with one draw per image."""
    from seatbelt_vae.evaluation.noisy_inputs import SIGMAS, denoising

    settings = evaluated.settings
    found = denoising(
        evaluated.model,
        evaluated.x,
        (0.0, *SIGMAS),
        seed=settings.seed,
        batch=settings.batch_size,
    )
    levels = list(zip(found.sigmas, found.log_likelihood.tolist(), strict=True))
    rows: list[dict[str, Any]] = [
        {"image": image, "sigma": sigma, "log_likelihood": value}
        for sigma, values in levels
        for image, value in zip(evaluated.positions.tolist(), values, strict=True)
    ]
    means = {f"{s:g}": mean for s, mean in zip(found.sigmas, found.mean.tolist(), strict=True)}
    return WithRows({"denoising": means}, rows)


def _mig(evaluated: "MeasureInput") -> WithRows:
    from seatbelt_vae.evaluation.mig import measure_mig

    data, settings = evaluated.data, evaluated.settings
    rows = [
        vars(gap) for gap in measure_mig(evaluated.model, data, settings, evaluated.on_progress)
    ]
    names = ("mig", "mig_lower", "mig_upper")
    found: dict[str, Any] = {name: float(np.mean([row[name] for row in rows])) for name in names}
    found["mig_images"] = min(settings.mig_images or len(data.train), len(data.train))
    return WithRows(found, rows)


def _downstream(evaluated: "MeasureInput") -> WithRows:
    from seatbelt_vae.evaluation.downstream import measure_downstream

    rows, summary = measure_downstream(*evaluated.task)
    return WithRows({"downstream": summary}, rows)


def _probes(evaluated: "MeasureInput") -> WithRows:
    from seatbelt_vae.evaluation.downstream import measure_probes

    rows, summary = measure_probes(
        *(evaluated.model, evaluated.data, evaluated.settings),
        before=evaluated.before(),
        on_progress=evaluated.on_progress,
    )
    return WithRows({"probes": summary}, rows)


def _codes(evaluated: "MeasureInput") -> WithRows:
    from seatbelt_vae.evaluation.codes import code_rows

    return WithRows({}, code_rows(*evaluated.task))


def _check_mig(data: "ImageData", _: "EvaluationConfig") -> None:
    from seatbelt_vae.evaluation.mig import check_factors

    check_factors(data)


def _check_downstream(data: "ImageData", settings: "EvaluationConfig") -> None:
    from seatbelt_vae.evaluation.downstream import choose_class_pairs, class_factor

    column = class_factor(data, settings.downstream_factor)
    choose_class_pairs(data, column, 1, settings.seed)


def _check_codes(data: "ImageData", _: "EvaluationConfig") -> None:
    from seatbelt_vae.evaluation.codes import check_columns

    check_columns(data)


ON_REQUEST = (
    _optional(
        name="denoising",
        symbol="log p(x|z), z of a noisy image",
        unit="nats per image",
        better="↑",
        formula=r"\log p(x\mid z),\ z\sim q(z\mid x+\sigma\epsilon)",
        definition="Log-likelihood of the clean image under latents of a noisy one, by σ.",
        needs=frozenset({"posterior", "likelihood"}),
        compute=_denoising,
        stored=(),
        table=RowTable(
            "denoising",
            "one row per image and noise level",
            (
                _IMAGE,
                Column(
                    "sigma",
                    "DOUBLE",
                    "σ of Gaussian noise on the input: 0 (none), 0.1, 0.5, 1 for images in [−1, 1]",
                ),
                Column(
                    "log_likelihood",
                    "DOUBLE",
                    "log p(x\\|z) of the clean image, z one draw of q(z\\|x + σε); nats",
                ),
            ),
        ),
    ),
    _optional(
        name="mig",
        symbol="MIG",
        better="↑",
        formula=r"\frac1K\sum_k(I(z_{(1)};v_k)-I(z_{(2)};v_k))/H(v_k)",
        definition="Gap between the two largest mutual informations of a unit and a factor, mean "
        "over factors (Chen et al. 2018).",
        needs=frozenset({"posterior"}),
        compute=_mig,
        table=RowTable(
            "mig",
            "one row per factor that varies",
            (
                Column("factor", "VARCHAR", "its name"),
                Column("mig", "DOUBLE", "(`mi_best` − `mi_second`) / `entropy`"),
                Column("mig_lower", "DOUBLE", "lower bound, equal to `mig` with one layer"),
                Column("mig_upper", "DOUBLE", "upper bound, equal to `mig` with one layer"),
                Column("entropy", "DOUBLE", "H(v) over the images used; nats"),
                Column("best_unit", "BIGINT", "the unit of z^L with the largest I(z_j; v)"),
                Column("second_unit", "BIGINT", "the unit of the second largest, if any"),
                Column("mi_best", "DOUBLE", "I(z_j; v) of `best_unit`; nats"),
                Column("mi_second", "DOUBLE", "I(z_j; v) of `second_unit`; nats"),
            ),
        ),
        check=_check_mig,
    ),
    _optional(
        name="downstream",
        symbol="accuracy",
        better="↑",
        formula=r"\overline{[\hat y=y]}",
        definition="Accuracy of classifiers of reconstructions and of latents, clean and attacked.",
        compute=_downstream,
        stored=(),
        table=RowTable(
            "downstream",
            "one row per strength, classifier and image",
            (
                Column("strength", "VARCHAR", "`clean`, or the strength of the attack"),
                Column(
                    "classifier",
                    "VARCHAR",
                    "`mlp-reconstruction`, `conv-reconstruction`: of the decoder's mean image; "
                    "`mlp-latents`: of the means z¹ … z^L side by side; all on the mean path",
                ),
                _IMAGE,
                Column("label", "BIGINT", "its class"),
                Column("target_image", "BIGINT", "the target, an image of another class"),
                Column("target_label", "BIGINT", "the target's class"),
                Column("clean_prediction", "BIGINT", "the class given to x"),
                Column("attacked_prediction", "BIGINT", "the class given to x\\*"),
                Column("distance_relative", "DOUBLE", "‖d‖/‖x_t − x‖, as in a suite"),
                Column("divergence_ratio", "DOUBLE", "(r − c) / (r₀ − c), as in a suite"),
                Column("exceeds_bound", "BOOLEAN", "whether the attack failed, as in a suite"),
                Column("status", "VARCHAR", "how the descent ended, as in a suite"),
            ),
        ),
        check=_check_downstream,
    ),
    _optional(
        name="probes",
        symbol="accuracy within ε",
        better="↑",
        formula=r"\overline{\min_{\|x^*-x\|\leq\varepsilon\|x_t-x\|}[\hat y(x^*)=y]}",
        definition="Accuracy of probes attacked through the model within L2 budgets.",
        compute=_probes,
        stored=(),
        table=RowTable(
            "probes",
            "one row per probe, attacked image and budget",
            (
                Column(
                    "probe",
                    "VARCHAR",
                    "`linear-codes`, `conv-reconstruction`, on the mean path; of a hardened model "
                    "`linear-codes-before`: that of the codes before, given the codes after",
                ),
                Column("epsilon", "DOUBLE", "budget as a share of ‖x_t − x‖; 0 without an attack"),
                _IMAGE,
                Column("label", "BIGINT", "its class"),
                Column("target_image", "BIGINT", "x_t, an image of another class"),
                Column("clean_prediction", "BIGINT", "the class given to x"),
                Column(
                    "attacked_prediction",
                    "BIGINT",
                    "the class given to x\\*, which is that of a smaller ε if it has succeeded",
                ),
                Column("distance_relative", "DOUBLE", "‖x\\* − x‖/‖x_t − x‖"),
            ),
        ),
        check=_check_downstream,
    ),
    _optional(
        name="codes",
        symbol="z",
        formula=r"z^L\sim q(z\mid x)",
        definition="Codes of the top layer and reconstructions of single test images.",
        compute=_codes,
        stored=(),
        table=RowTable(
            "codes",
            "one row per test image, and a column per known factor",
            (
                _IMAGE,
                Column("mean", "DOUBLE[]", "posterior mean of z^L on the mean path"),
                Column("code", "DOUBLE[]", "one draw of z^L through the whole chain"),
                Column("pixels", "DOUBLE[]", "the image, if it has at most 64 values"),
                Column(
                    "reconstruction",
                    "DOUBLE[]",
                    "the decoder's mean image for that draw, if it has at most 64 values",
                ),
                Column("angle", "BIGINT", "the factor of the Swiss roll"),
            ),
        ),
        check=_check_codes,
    ),
)
