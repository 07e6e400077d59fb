"""Data sets outside the package, one for each kind of return value."""

import numpy as np
import torch

from seatbelt_vae.data import Factor, ImageData
from seatbelt_vae.data.dataset import random_split

NOT_A_FUNCTION = 3


def images(root=None):
    """40 grey images of 16×16 bytes; the first pixel of image i is i."""
    del root
    made = np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8)
    made[:, 0, 0] = np.arange(40)
    return made


def saved(root):
    """The images of a file below root."""
    return np.load(f"{root}/images.npy")


def labelled():
    """The same images with the label i mod 4."""
    return images(), np.arange(40) % 4


def mapping():
    """Colour images with the layout in the name only."""
    colour = np.stack([images()[:, :3]] * 3, axis=-1)
    return {"images_nhwc": colour, "labels": torch.arange(40) % 4}


def tensors():
    """Floats in [0, 1] on a tensor."""
    return torch.from_numpy(images()[:, None] / 255)


class Pairs(torch.utils.data.Dataset):
    """A map-style dataset of pairs."""

    def __len__(self):
        """The number of examples."""
        return 40

    def __getitem__(self, index):
        """The image (1, 16, 16) and the label of one example."""
        return tensors()[index], index % 4


def image_data():
    """A data set that reads images on demand."""

    def read(indices):
        return (images()[indices, None] / 127.5 - 1).astype(np.float32)

    train, test = random_split(40, read, lambda indices: indices[:, None] % 4)
    factor = Factor("label", 4)
    return ImageData("own", (-1.0, 1.0), (1, 16, 16), train, test, (factor,), digest="own 1")


def wrong():
    """Neither images nor a set of them."""
    return 7


def flat():
    """An array without the axes of images."""
    return np.zeros((40, 256), np.uint8)


def broken():
    """Raise an error."""
    raise ValueError("the disk is gone\nentirely")
