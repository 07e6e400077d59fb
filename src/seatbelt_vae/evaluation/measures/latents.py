"""Measures of the posterior: its aggregate over a data set, its units and its width."""

from collections.abc import Callable, Mapping
from math import isnan, log
from typing import TYPE_CHECKING, Any

from seatbelt_vae.evaluation.measures.declaration import (
    LATENT,
    Column,
    ModelMeasure,
    RowTable,
    WithRows,
)

if TYPE_CHECKING:
    from seatbelt_vae.evaluation.measure_input import MeasureInput

__all__ = ["AGGREGATE", "UNITS", "is_saturated"]

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_NEAR = 0.1
_IMAGE = Column("image", "BIGINT", "position in the test split")


def is_saturated(information: Mapping[str, Any]) -> bool:
    r"""Whether the mutual information is within 0.1 nats of its bound :math:`\log N`.

    N is the number of components of the mixture, images times chains. The components then hardly
    overlap, so that TC and mutual information say more about N than about the model.

    Example:
        >>> is_saturated({"lower": 9.887, "images": 20_000, "chains": 1})  # log N = 9.904
        True
    """
    bound = log(information["images"] * information["chains"])
    return bool(information["lower"] > bound - _NEAR)


def _bracket(name: str) -> Callable[[Mapping[str, Any]], Any]:
    """Shows both bounds, or one number where they coincide, their error and their saturation."""

    def show(found: Mapping[str, Any]) -> Any:
        ends = found.get(name)
        if ends is None:
            return None
        text = " … ".join(f"{end:.3g}" for end in dict.fromkeys([ends["lower"], ends["upper"]]))
        if "error" in ends:
            text += f" ± {ends['error']:.1g}"
        if is_saturated(found["mutual_information"]):
            text += f" (saturated: limited by {ends['images']} images)"
        return text

    return show


def _bounds(short: str, bounded: str) -> tuple[Column, ...]:
    return (
        Column(f"{short}_lower", "DOUBLE", f"lower bound of {bounded}"),
        Column(f"{short}_upper", "DOUBLE", "upper bound, equal to the lower one with one layer"),
        Column(f"{short}_chains", "BIGINT", "chains per image"),
        Column(f"{short}_images", "BIGINT", "training images that form q(z)"),
        Column(f"{short}_queries", "BIGINT", "draws z ~ q(z) that are averaged"),
        Column(f"{short}_error", "DOUBLE", "Monte Carlo standard error over these draws; nats"),
        Column(
            f"{short}_saturated",
            "BOOLEAN",
            "I(x; z^L) is within 0.1 nats of its bound log N, so that the number of images limits "
            "TC and I",
        ),
    )


def _active_units(evaluated: "MeasureInput") -> WithRows:
    from seatbelt_vae.objectives.elbo import ACTIVE  # imports PyTorch

    found = evaluated.held_out
    layers = zip(found.unit_means, found.active, strict=True)
    rows = [
        {"layer": layer, "unit": unit, "divergence": divergence, "active": active}
        for layer, (means, flags) in enumerate(layers, start=1)
        for unit, (divergence, active) in enumerate(zip(means.tolist(), flags, strict=True))
    ]
    threshold = ACTIVE + found.free_bits * (found.free_bits_group == "unit")
    return WithRows({"active_units": found.active_units, "active_threshold": threshold}, rows)


def _sigma_norm(evaluated: "MeasureInput") -> WithRows:
    norms, elbo = evaluated.held_out.sigma_norm, evaluated.held_out.elbo
    columns = (evaluated.positions.tolist(), norms.tolist(), elbo.tolist())
    rows = [
        {"image": image, "sigma_norm": norm, "elbo": None if isnan(bound) else bound}
        for image, norm, bound in zip(*columns, strict=True)
    ]
    found = {
        "mean": norms.mean(0).tolist(),
        "quantile_levels": list(_QUANTILES),
        "quantiles": norms.quantile(norms.new_tensor(_QUANTILES), dim=0).tolist(),
    }
    return WithRows({"sigma_norm": found}, rows)


AGGREGATE = (
    ModelMeasure(
        name="total_correlation",
        symbol="TC(zᴸ)",
        unit="nats",
        better="↓",
        formula=r"\mathrm{KL}(q(z^L)\,\Vert\,\prod_j q(z^L_j))",
        definition="Total correlation of the top layer's aggregate posterior; a bracket where it "
        "has no closed form; ± its Monte Carlo error. If I(x; zᴸ) is within 0.1 nats of log N, "
        "both are saturated: the N images, not the model, limit them.",
        needs=frozenset({"posterior"}),
        compute=lambda evaluated: {"total_correlation": evaluated.aggregate["total_correlation"]},
        stored=_bounds("tc", "TC(z^L)"),
        show=_bracket("total_correlation"),
    ),
    ModelMeasure(
        name="mutual_information",
        symbol="I(x; zᴸ)",
        unit="nats",
        formula=r"E_{q(x,z^L)}\log q(z^L\mid x)/q(z^L)",
        definition="Mutual information between images and the top layer; with several layers that "
        "of zᴸ with x and zᴸ⁻¹ together, which is no smaller. A bracket as for TC.",
        needs=frozenset({"posterior"}),
        compute=lambda evaluated: {"mutual_information": evaluated.aggregate["mutual_information"]},
        stored=_bounds("mi", "I(x; z^L), with several layers I((x, z^{L−1}); z^L)"),
        show=_bracket("mutual_information"),
    ),
)

UNITS = (
    ModelMeasure(
        name="sigma_norm",
        symbol="‖σ‖",
        formula=r"\lVert\sigma^i(x)\rVert_2",
        definition="Width of the posterior of each layer, along the path of posterior means.",
        needs=LATENT,
        compute=_sigma_norm,
        stored=(
            Column("sigma_norm_mean", "DOUBLE[]", "mean over images, one value per layer"),
            Column("sigma_norm_quantile_levels", "DOUBLE[]", "levels of the quantiles"),
            Column("sigma_norm_quantiles", "DOUBLE[][]", "a list per level, one value per layer"),
        ),
        table=RowTable(
            "sigma",
            "one row per test image",
            (
                _IMAGE,
                Column("sigma_norm", "DOUBLE[]", "‖σ‖₂, one value per layer"),
                Column("elbo", "DOUBLE", "β = 1 ELBO of the image; nats"),
            ),
        ),
        show=lambda found: (found.get("sigma_norm") or {}).get("mean"),
        group="",
    ),
    ModelMeasure(
        name="active_units",
        symbol="active units",
        unit="per layer",
        formula=r"\#\{j:\overline{\mathrm{KL}_j}>\text{threshold}\}",
        definition="Latent units that carry information, bottom layer first.",
        needs=LATENT,
        compute=_active_units,
        stored=(
            Column("active_units", "BIGINT[]", "units above the threshold, one count per layer"),
            Column("active_threshold", "DOUBLE", "nats per image"),
        ),
        table=RowTable(
            "units",
            "one row per latent unit",
            (
                Column("layer", "BIGINT", "the layer, 1 next to the data"),
                Column("unit", "BIGINT", "the unit of this layer"),
                Column("divergence", "DOUBLE", "mean divergence from the prior; nats per image"),
                Column("active", "BOOLEAN", "whether that is above the threshold"),
            ),
        ),
        show=lambda found: " + ".join(map(str, found.get("active_units", ()))) or None,
    ),
)
"""In the order of a report."""
