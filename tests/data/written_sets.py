"""Tiny sets written in their real formats, one function a set: each gives what `load` is asked."""

import gzip
import io
import zipfile
from pathlib import Path

import datasets
import numpy as np
from PIL import Image

datasets.disable_progress_bars()


def idx(array):
    """The bytes of an idx file that holds an array of bytes."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def fashion_mnist(folder: Path):
    """60 training and 10 test images, gzipped as published."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 60), ("t10k", 10)):
        images = rng.integers(0, 256, (count, 28, 28), np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        for name, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)):
            (folder / f"{part}-{name}.gz").write_bytes(gzip.compress(idx(array)))
    return "fashion-mnist", folder


def mnist(folder: Path):
    """The same, unpacked."""
    fashion_mnist(folder)
    for packed in folder.glob("*.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    return "mnist", folder


def array(folder: Path):
    """100 colour images and their labels in an .npz file."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (100, 12, 16, 3), np.uint8)
    np.savez_compressed(folder / "set.npz", images=images, labels=np.arange(100) % 7)
    return "array", folder


def table(folder: Path):
    """100 rows of 5 numbers and their labels."""
    rng = np.random.default_rng(0)
    labelled = np.column_stack([rng.normal(size=(100, 5)), np.arange(100) % 7])
    path = folder / "rows.csv"
    np.savetxt(path, labelled, delimiter=",", header="a,b,c,d,e,label", comments="")
    return "table", path


CUBE = """
mtllib box.mtl
v -1 -1 -1
v 1 -1 -1
v 1 1 -1
v -1 1 -1
v -1 -1 1
v 1 -1 1
v 1 1 1
v -1 1 1
usemtl plain
f 5 6 7 8
f 1 4 3 2
usemtl cloth
f 1 2 6 5
f -2 -5 -8 -4
f 4/1 8/2/3 7//1 3
f 1 5 8 4
"""
CATALOGUE = r"""
name=Tiny chairs
license=CC BY 4.0
name#1=Oak chair with arms
model#1=/one/box.obj
creator#1=Ann
name#2=Wheelchair
model#2=/two/box.obj
creator#2=Ben
name#10=Low st\u006fol
model#10=/ten/box.obj
modelRotation#10=1 0 0 0 0 -1 0 1 0
creator#10=Zo\u00eb
"""


def furniture(place: Path, catalogue: str = CATALOGUE, mesh: str = CUBE):
    """An archive of furniture, two pieces of which are chairs."""
    texture = io.BytesIO()
    Image.new("RGB", (4, 4), (255, 0, 0)).save(texture, "PNG")
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("PluginFurnitureCatalog.properties", catalogue)
        for name in ("one", "ten"):
            archive.writestr(f"{name}/box.obj", mesh)
            materials = "newmtl plain\nKd 1 1 1\nnewmtl cloth\nKd .5 .5 .5\nmap_Kd red.png\n"
            archive.writestr(f"{name}/box.mtl", materials)
            archive.writestr(f"{name}/red.png", texture.getvalue())


def chairs(folder: Path):
    """Two chairs that are boxes."""
    furniture(folder / "tiny.sh3f")
    return "chairs", folder


def faces(folder: Path):
    """A head of four triangles, and two ways in which heads differ."""
    corners = np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 0], [0, 0, 1]]) * 10.0
    polygons = "usemtl M_Face\nf 1 2 4\nf 2 3 4\nf 3 1 4\nusemtl M_Teeth\nf 3 2 1\n"
    (folder / "FaceXModel").mkdir()
    for name, move in (
        ("generic_neutral_mesh", np.zeros(3)),
        ("identity000", np.array([0, 0, 1])),
        ("identity001", np.array([1, 0, 0])),
    ):
        moved = corners + np.outer([0, 0, 0, 1], move)
        lines = [f"v {x} {y} {z}" for x, y, z in moved]
        (folder / "FaceXModel" / f"{name}.obj").write_text("\n".join(lines) + "\n" + polygons)
    return "faces", folder


def pictures(count):
    """Colour pictures of two sizes, as Pillow has them."""
    rng = np.random.default_rng(0)
    sides = [(12, 16) if i % 2 else (20, 10) for i in range(count)]
    return [Image.fromarray(rng.integers(0, 256, (*side, 3), np.uint8)) for side in sides]


def hub_rows(count):
    """A split as the `datasets` library makes it."""
    kinds = [i % 3 for i in range(count)]
    features = datasets.Features(
        {"picture": datasets.Image(), "kind": datasets.ClassLabel(names=["ant", "bee", "cow"])}
    )
    columns = {"picture": pictures(count), "kind": kinds}
    return datasets.Dataset.from_dict(columns, features=features)


def hub(folder: Path):
    """50 training and 10 test pictures, saved by the `datasets` library."""
    splits = datasets.DatasetDict({"train": hub_rows(50), "test": hub_rows(10)})
    splits.save_to_disk(folder)
    return "hf:tiny", folder


def folder(folder: Path):
    """50 training and 10 test pictures of two kinds, in folders."""
    for split, count in (("train", 50), ("test", 10)):
        for number, picture in enumerate(pictures(count)):
            place = folder / split / ("ant", "bee")[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            picture.save(place / f"{number}.png")
    return "folder", folder


def photographs(count):
    """As CelebA has them: their names and the bytes of their files."""
    rng = np.random.default_rng(0)
    for number in range(1, count + 1):
        grid = rng.integers(0, 256, (8, 8, 3), np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(grid).resize((178, 218)).save(buffer, "JPEG")
        yield f"{number:06}.jpg", buffer.getvalue()


def celeba(folder: Path):
    """50 training, 3 validation and 10 test photographs with two attributes, in their archive."""
    parts = [0] * 50 + [1] * 3 + [2] * 10
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for name, content in photographs(len(parts)):
            archive.writestr(f"img_align_celeba/{name}", content)
    numbers = range(1, len(parts) + 1)
    attributes = [
        f"{n:06}.jpg {'-1' if n % 2 else ' 1'} {' 1' if n % 3 else '-1'}" for n in numbers
    ]
    lines = [str(len(parts)), "Bald Young ", *attributes]
    (folder / "list_attr_celeba.txt").write_text("\r\n".join(lines) + "\r\n")
    listed = [f"{n:06}.jpg {part}\n" for n, part in zip(numbers, parts, strict=True)]
    (folder / "list_eval_partition.txt").write_text("".join(listed))
    return "celeba", folder


def function(folder: Path):
    """A function in a file that returns the images and labels of an .npz file."""
    array(folder)
    lines = [
        "import numpy as np",
        "def load(root):",
        "    with np.load(root + '/set.npz') as held:",
        "        return held['images'], held['labels']",
    ]
    (folder / "own.py").write_text("\n".join(lines))
    return f"{folder / 'own.py'}:load", folder


WRITERS = {
    "chairs": chairs,
    "faces": faces,
    "celeba": celeba,
    "celeba-uncropped": lambda folder: ("celeba-uncropped", celeba(folder)[1]),
    "fashion-mnist": fashion_mnist,
    "mnist": mnist,
    "folder": folder,
    "array": array,
    "table": table,
    "hf:NAME": hub,
    "MODULE:FUNCTION": function,
}


def written(name: str, folder: Path):
    """The name and root of a set, written first if it is one that is read from files."""
    folder.mkdir(exist_ok=True)
    return WRITERS[name](folder) if name in WRITERS else (name, None)
