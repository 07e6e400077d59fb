"""All kernels: one entry per C++ file."""

from seatbelt_vae.kernels.arrays import NumpyArrays
from seatbelt_vae.kernels.kernel import Kernel

__all__ = ["FUSED_CONV", "KERNELS", "MIXTURES", "RASTERISER"]

MIXTURES = Kernel(
    "mixtures",
    shapes={
        "z marginals of_z": "samples units",
        "mean log_variance of_mean of_log_variance": "components units",
        "columns log_others": "samples exceptions",
        "joint": "samples",
    },
    passes={
        "values": "z mean log_variance log_weight columns log_others -> joint marginals",
        "gradients": "z mean log_variance log_weight columns log_others "
        "-> joint marginals of_z of_mean of_log_variance",
    },
    bounds={"exceptions": (0, 2**31), "columns": (0, "components")},
)

FUSED_CONV = Kernel(
    "fused_conv",
    shapes={
        "image image_out": "images 2height 2width colours",
        "values out": "images height width 16groups",
        "weight": "16colours 16groups",
        "weight_by_features": "16groups 16colours",
        "scale shift mean inverse_deviation mean_gradient mean_gradient_times_x": "16groups",
        "patches": "64 16colours",
        "patch_products": "64 16colours 16colours",
        "of_weight": "64 16colours 16groups",
        "of_shift": "64 16groups",
        "of_norm": "64 2 16groups",
    },
    passes={
        "patch_sums": "image origin -> patches patch_products",
        "value_sums": "values mean colours bfloat16 -> of_norm",
        "features": "image weight shift slope bfloat16 -> out",
        "feature_gradient_sums": "image values weight shift slope bfloat16 -> of_weight of_shift",
        "to_image": "values weight_by_features scale shift slope bfloat16 -> image_out",
        "image_gradient_sums": "image values weight scale shift mean inverse_deviation slope "
        "bfloat16 -> of_weight of_norm",
        "input_gradient": "image values weight scale shift mean inverse_deviation mean_gradient "
        "mean_gradient_times_x slope bfloat16 -> out",
    },
    bounds={"colours": (1, 5)},
)

RASTERISER = Kernel(
    "rasteriser",
    shapes={
        "points": "vertex_count 2",
        "nearness": "vertex_count",
        "triangles corners": "triangle_count 3",
        "normals": "normal_count 3",
        "albedo": "triangle_count",
        "lights": "light_count 3",
        "pictures": "light_count side side",
    },
    passes={
        "render": "side points nearness triangles normals corners albedo lights ambient diffuse "
        "background -> pictures",
    },
    bounds={
        "side": (1, 2**11 + 1),
        "light_count": (0, 2**31),
        # as in `data/rendering/scene.py`: larger coordinates would overflow the areas of triangles
        "points": (-(2**24), 2**24 + 1),
        "triangles": (0, "vertex_count"),
        "corners": (0, "normal_count"),
    },
    arrays=NumpyArrays(),
)

KERNELS = (MIXTURES, FUSED_CONV, RASTERISER)
