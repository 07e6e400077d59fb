"""The text of an adapter to complete, for modules that no adapter fits."""

__all__ = ["template"]

_TEXT = """\
Complete this file at the marked lines and name it as the target, FILE.py:load:

import torch
from seatbelt_vae.distributions import Normal, PointImage
from seatbelt_vae.protocol import Capabilities, Posterior

UNITS = 10  # <- the number of values of one code


class Adapter:
    bounds, event_shape, latent_sizes = {bounds}, {shape}, (UNITS,)
    capabilities = Capabilities(likelihood=False)

    def __init__(self, module):
        self.module = module.eval()

    def encode(self, x, noise=None):
        mean, log_variance = self.module.encode(x)  # <- two tensors of B rows
        q = Normal(mean.flatten(1), log_variance.flatten(1))
        return Posterior((q,), (q.mean if noise is None else q.sample(noise[0]),))

    def prior(self, z):
        return (Normal(z[0], z[0]).standard_normal(),)

    def decode(self, z):
        codes = z[0].reshape(-1, UNITS)
        x = self.module.decode(codes)  # <- one input per code, inside the bounds
        return PointImage(x.reshape(*z[0].shape[:-1], *self.event_shape))


def load():
    module = ...  # <- your model, with its weights
    return Adapter(module)
"""


def template(shape: tuple[int, ...], bounds: object) -> str:
    """A file with an adapter for inputs of a shape and bounds.

    Example:
        >>> "latent_sizes = (-1.0, 1.0), (3, 8, 8)" in template((3, 8, 8), (-1.0, 1.0))
        True
    """
    stated = str(bounds).replace("tensor(", "torch.tensor(").replace("\n", "")
    return _TEXT.format(shape=tuple(shape), bounds=stated)
