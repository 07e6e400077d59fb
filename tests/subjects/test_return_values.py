"""Return values of foreign encoders and decoders, read by type and name."""

from collections import namedtuple
from types import SimpleNamespace

import pytest
import torch
from torch.distributions import Independent, Laplace, Normal

from seatbelt_vae.subjects.adapters.return_values import heads_of, image_of, shown

MEAN, SPREAD, OTHER = torch.zeros(2, 3), torch.ones(2, 3), torch.full((2, 3), 0.5)
Pair = namedtuple("Pair", "mu logvar")

GAUSSIAN = {
    "pair": ((MEAN, SPREAD), None),
    "list": ([MEAN, SPREAD], None),
    "named tuple": (Pair(MEAN, SPREAD), None),
    "pair with features of another shape": ((MEAN, SPREAD, torch.zeros(2, 7)), None),
    "sample that is the mean, first": ((MEAN, MEAN, SPREAD), None),
    "sample that is the mean, last": ((MEAN, SPREAD, MEAN), None),
    "mapping": ({"mu": MEAN, "logvar": SPREAD}, "log-variance"),
    "log standard deviation": ({"mean": MEAN, "log_sigma": SPREAD}, "log-std"),
    "standard deviation": ({"loc": MEAN, "scale": SPREAD}, "std"),
    "variance": (SimpleNamespace(mean=MEAN, var=SPREAD), "variance"),
    "embedding": (
        SimpleNamespace(embedding=MEAN, log_covariance=SPREAD),
        "log-variance",
    ),
    "latent_dist": (
        SimpleNamespace(latent_dist=SimpleNamespace(mean=MEAN, logvar=SPREAD, std=OTHER)),
        "log-variance",
    ),
    "Normal": (Normal(MEAN, SPREAD), "std"),
    "Independent": (Independent(Normal(MEAN, SPREAD), 1), "std"),
}


@pytest.mark.parametrize(("encoded", "code"), GAUSSIAN.values(), ids=GAUSSIAN)
def test_mean_and_spread(encoded, code):
    heads = heads_of(encoded)
    assert heads.mean is MEAN
    assert heads.spread is SPREAD
    assert heads.code == code


DETERMINISTIC = {
    "tensor": MEAN,
    "tuple of one": (MEAN,),
    "latents": SimpleNamespace(latents=MEAN),
    "latent": {"latent": MEAN},
    "embedding": SimpleNamespace(embedding=MEAN),
}


@pytest.mark.parametrize("encoded", DETERMINISTIC.values(), ids=DETERMINISTIC)
def test_a_code_without_a_spread(encoded):
    assert heads_of(encoded) == (MEAN, None, None)


UNKNOWN = {
    "three tensors of one shape": (MEAN, SPREAD, OTHER),
    "two tensors of different shapes": (MEAN, torch.zeros(2, 7)),
    "another distribution": Laplace(MEAN, SPREAD),
    "no tensor": ("mu", 3),
    "nothing": None,
    "empty": (),
    "other names": {"first": MEAN},
}


@pytest.mark.parametrize("encoded", UNKNOWN.values(), ids=UNKNOWN)
def test_other_forms_are_not_guessed(encoded):
    assert heads_of(encoded) is None


IMAGES = {
    "tensor": MEAN,
    "first of a tuple": (MEAN, SPREAD, OTHER),
    "sample": SimpleNamespace(sample=MEAN),
    "reconstruction": {"reconstruction": MEAN, "loss": SPREAD},
    "distribution": Normal(MEAN, SPREAD),
}


@pytest.mark.parametrize("decoded", IMAGES.values(), ids=IMAGES)
def test_the_image(decoded):
    assert image_of(decoded) is MEAN


@pytest.mark.parametrize("decoded", [None, 3, {"loss": MEAN}, ()])
def test_no_image(decoded):
    assert image_of(decoded) is None


def test_descriptions():
    assert shown((MEAN, [SPREAD])) == "(a tensor (2, 3), (a tensor (2, 3)))"
    assert shown({"a": MEAN}) == "a dict of a"
    assert shown(Normal(MEAN, SPREAD)) == "a Normal of torch.distributions.normal"
