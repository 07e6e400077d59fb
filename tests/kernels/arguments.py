"""Valid arguments of every pass of every kernel."""

from functools import partial

import numpy as np
import torch

from seatbelt_vae.kernels import FUSED_CONV

__all__ = ["VALID", "of_fused_conv", "of_mixtures", "of_rasteriser"]


def of_mixtures():
    draws = torch.Generator().manual_seed(0)
    return {
        "z": torch.randn(4, 3, generator=draws),
        "mean": torch.randn(5, 3, generator=draws),
        "log_variance": torch.randn(5, 3, generator=draws),
        "log_weight": -1.0,
        "columns": torch.tensor([[0], [1], [0], [1]], dtype=torch.int32),
        "log_others": torch.zeros(4, 1, dtype=torch.float64),
    }


def of_rasteriser():
    return {
        "side": 3,
        "points": np.array([[10, 10], [100, 20], [20, 150], [90, 90]], np.int32),
        "nearness": np.array([0.1, 0.2, 0.3, 0.4]),
        "triangles": np.array([[0, 1, 2], [1, 2, 0]], np.int32),
        "normals": np.array([[0, 0, 1.0], [0, 1, 0], [1, 0, 0]]),
        "corners": np.array([[0, 1, 2], [2, 1, 0]], np.int32),
        "albedo": np.array([0.5, 1.0]),
        "lights": np.array([[0, 0, 1.0]]),
        "ambient": 0.2,
        "diffuse": 0.8,
        "background": 1.0,
    }


def of_fused_conv(which, *, bfloat16):
    draws = torch.Generator().manual_seed(0)
    sizes = {"images": 2, "height": 3, "width": 2, "colours": 2, "groups": 1}
    given = {"slope": 0.1, "bfloat16": bfloat16, "origin": 0.0, "colours": 2}
    for name, size in FUSED_CONV._sizes.items():
        shape = [factor * sizes.get(dimension, 1) for factor, dimension in size]
        given[name] = torch.randn(shape, generator=draws)
    if bfloat16:
        given["values"] = given["values"].bfloat16()
    arguments = FUSED_CONV._signatures[which].arguments
    return {name: value for name, value in given.items() if name in arguments}


VALID = {
    ("mixtures", "values"): of_mixtures,
    ("mixtures", "gradients"): of_mixtures,
    ("rasteriser", "render"): of_rasteriser,
}
"""A function that makes the arguments, by kernel and pass."""

for _number, _which in enumerate(FUSED_CONV.passes):
    VALID["fused_conv", _which] = partial(of_fused_conv, _which, bfloat16=_number % 2 == 0)
