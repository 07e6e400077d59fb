"""The published numbers, for comparison."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

__all__ = ["Curve", "published_ceiling", "published_curves", "published_rates"]

_SERIES = {"vae": "VAE", "beta-vae": "β-VAE", "beta-tcvae": "β-TCVAE", "seatbelt": "Seatbelt-VAE"}

Curve = dict[float, float]

_CLASSIFIERS = {
    "mlp_on_reconstruction": "mlp-reconstruction",
    "conv_on_reconstruction": "conv-reconstruction",
    "mlp_on_latents": "mlp-latents",
}
_FARTHEST = {"dsprites": 50.0, "chairs": 128.0, "faces": 128.0}
"""Upper bounds of ‖x_t − x‖ between images of 64×64 pixels in [−1, 1]; sprites are small."""

_WEIGHTS = np.geomspace(2.0**-20, 2.0**20, 50)


@cache
def _content() -> Mapping[str, Any]:
    text = files("seatbelt_vae.paper").joinpath("published.json").read_text(encoding="utf-8")
    content: Mapping[str, Any] = json.loads(text)
    return content


def published_curves(path: str, data: str) -> dict[str, Curve]:
    """The published values by series and β, read off Willetts et al.'s (2021) figures.

    Args:
        path: path in ``published.json``; ``*`` is replaced by the data set.
        data: the data set.

    Returns:
        The value at each β by series; empty if nothing was published for this data set.

    Example:
        >>> published_curves("fig6.*.elbo", "faces")["Seatbelt-VAE"][10]
        -2400.0
        >>> published_curves("fig6.*.elbo", "dsprites")
        {}
    """
    values: Any = _content()
    for word in path.split(".") if path else ():
        values = values.get(data if word == "*" else word, {})
    if data in values:
        values = values[data]
    if isinstance(values, Sequence):
        return {"β-TCVAE": _curve(values)}
    return {name: _curve(values[key]) for key, name in _SERIES.items() if key in values}


def published_ceiling(path: str, data: str) -> float | None:
    r"""The upper bound of a published mean of :math:`\Delta_{KL}` over minima.

    The target itself attains :math:`\lambda\|x_t-x\| \geq \Delta^*(\lambda)`; the bound of the mean
    over the 50 published λ is :math:`\bar\lambda \max\|x_t-x\|`.

    Returns:
        The bound; None for other measures and data sets.

    Example:
        >>> f"{published_ceiling('fig3.delta_kl', 'chairs'):.2g}"
        '6.2e+06'
    """
    farthest = _FARTHEST.get(data)
    if farthest is None or not path.endswith("delta_kl"):
        return None
    return float(_WEIGHTS.mean() * farthest)


def published_rates() -> dict[tuple[str, str], tuple[float, float]]:
    """Accuracy under attack and its drop, by classifier and series; the data set is not named.

    Example:
        >>> published_rates()["mlp-latents", "Seatbelt-VAE"]
        (0.39, -0.09)
    """
    table = _content()["table1"]
    series = ("VAE", "β-TCVAE", "Seatbelt-VAE")
    return {
        (classifier, name): (accuracy, drop)
        for key, classifier in _CLASSIFIERS.items()
        for name, accuracy, drop in zip(
            series, table["accuracy_under_attack"][key], table["drop"][key], strict=True
        )
    }


def _curve(values: Sequence[float] | Mapping[str, float]) -> Curve:
    if isinstance(values, Mapping):
        return {float(beta): float(value) for beta, value in values.items()}
    betas = _content()["beta"]
    return {float(beta): float(value) for beta, value in zip(betas, values, strict=True)}
