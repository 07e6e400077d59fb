"""Damaged files of images and arrays."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from safetensors.numpy import save

from seatbelt_vae.data import check

from .conftest import EDITS, Edit, edited, fuzz

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8)


def picture(kind: str, mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS[0]).resize((32, 32)).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def npz(save_all: Callable[..., None] = np.savez) -> bytes:
    buffer = io.BytesIO()
    save_all(buffer, x_train=PIXELS[:16], x_test=PIXELS[16:], y_train=np.arange(16))
    return buffer.getvalue()


def npy(array: np.ndarray = PIXELS) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def hdf5() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["images"] = PIXELS
        file.create_dataset("packed", data=PIXELS, chunks=True, compression="gzip")
    return buffer.getvalue()


def parquet() -> bytes:
    buffer = io.BytesIO()
    encoded = [{"bytes": picture("PNG"), "path": None} for _ in range(12)]
    pq.write_table(pa.table({"image": encoded, "label": list(range(12))}), buffer)
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(12):
            archive.writestr(f"a/{number}.png", picture("PNG"))
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for number in range(12):
            entry = tarfile.TarInfo(f"a/{number}.png")
            content = picture("PNG")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def idx() -> bytes:
    return bytes([0, 0, 8, 3]) + np.array(PIXELS.shape, ">i4").tobytes() + PIXELS.tobytes()


PICTURES = {
    "png": picture("PNG"),
    "palette.png": picture("PNG", "P"),
    "deep.png": picture("PNG", "I;16"),
    "jpg": picture("JPEG"),
    "tif": picture("TIFF"),
    "bmp": picture("BMP"),
    "gif": picture("GIF"),
    "webp": picture("WEBP"),
    "ppm": picture("PPM"),
}
ARRAYS = {
    "npy": npy(),
    "float.npy": npy(PIXELS / np.float32(255)),
    "npz": npz(),
    "packed.npz": npz(np.savez_compressed),
    "h5": hdf5(),
    "parquet": parquet(),
    "safetensors": save({"images": PIXELS}),
}
ARCHIVES = {"zip": zipped(), "tar.gz": tarred()}


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.{kind}").write_bytes(PICTURES[kind])

    def read(edits: list[Edit]) -> None:
        (folder / f"3.{kind}").write_bytes(edited(PICTURES[kind], edits))
        check("folder", folder, 32)

    fuzz(read, EDITS)


@pytest.mark.parametrize("kind", ARRAYS | ARCHIVES)
def test_arrays_and_archives(kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"data.{kind}"
    content = (ARRAYS | ARCHIVES)[kind]

    def read(edits: list[Edit]) -> None:
        file.write_bytes(edited(content, edits))
        for name in ("array", "folder"):
            check(name, file, 32)

    fuzz(read, EDITS)


def test_idx(tmp_path: Path) -> None:
    names = {"train-images-idx3-ubyte.gz": 0, "t10k-images-idx3-ubyte.gz": 1}

    def read(edits: list[Edit]) -> None:
        for name, packed in names.items():
            content = edited(idx(), edits) if packed else idx()
            (tmp_path / name).write_bytes(gzip.compress(content))
        check("mnist", tmp_path, 32)
        (tmp_path / name).write_bytes(edited(gzip.compress(idx()), edits))
        check("mnist", tmp_path, 32)

    fuzz(read, EDITS)
