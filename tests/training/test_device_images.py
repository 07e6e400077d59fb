"""Images stored on the device equal those read from the data set, as bytes or float32."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data import load_data
from seatbelt_vae.data.image_records import About, image_record, stored_set
from seatbelt_vae.training import device_images
from seatbelt_vae.training.device_images import DeviceImages
from tests.training.small import blobs, convolutional, points, trained, weight_bytes

CPU = torch.device("cpu")


def levels():
    """Images with all 256 byte values, decoded as a data set stored in bytes."""
    data = blobs(5000)
    stored = np.random.default_rng(0).integers(0, 256, (5000, 1, 16, 16), np.uint8)

    def read(indices):
        return stored[indices].astype(np.float32) / 127.5 - 1

    return replace(data, train=replace(data.train, read=read))


def shrunk():
    """Images of half the size in bytes."""
    rows = np.empty(5000, image_record((1, 32, 32)))
    rows["image"] = np.random.default_rng(0).integers(0, 256, rows["image"].shape)
    return stored_set(rows, About(), DataConfig("array", image_size=16))


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (blobs, torch.uint8),
        (levels, torch.uint8),
        (shrunk, torch.uint8),
        (lambda: load_data("dsprites", None, 5000, 32), torch.float32),
        (points, torch.float32),
    ],
)
def test_kept_images_are_the_images(data, dtype):
    data = data()
    kept = DeviceImages.within(data, CPU, 10**9)
    assert kept is not None
    assert kept.values.dtype == dtype
    positions = np.random.default_rng(1).permutation(len(data.train))[:100]
    assert torch.equal(kept.batch(positions), data.train.batch(positions))


@pytest.mark.parametrize("block", [90, 179, 180, 181])
def test_the_last_block_is_kept_whatever_its_size(monkeypatch, block):
    monkeypatch.setattr(device_images, "_BLOCK", block)
    # new memory often holds what the test before left there
    monkeypatch.setattr(torch, "empty", lambda shape, **kind: torch.full(shape, 7, **kind))
    data = blobs()
    kept, every = DeviceImages.within(data, CPU, 10**9), np.arange(180)
    assert torch.equal(kept.batch(every), data.train.batch(every))


def test_what_does_not_fit_is_read_anew():
    data = blobs()
    needed = len(data.train) * 256
    assert DeviceImages.within(data, CPU, needed) is not None
    assert DeviceImages.within(data, CPU, needed - 1) is None
    data = points()
    assert DeviceImages.within(data, CPU, len(data.train) * 8 - 1) is None


def test_on_the_cpu_nothing_is_copied():
    assert DeviceImages.if_it_fits(blobs(), CPU) is None


def test_a_run_on_kept_images_is_the_same_run(tmp_path, monkeypatch):
    read = trained(tmp_path / "read", convolutional(steps=15), blobs())
    monkeypatch.setattr(
        DeviceImages, "if_it_fits", lambda data, device: DeviceImages.within(data, device, 10**9)
    )
    kept = trained(tmp_path / "kept", convolutional(steps=15), blobs())
    assert weight_bytes(read) == weight_bytes(kept)
