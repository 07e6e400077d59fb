"""Chairs: which furniture is one, how it is drawn, whom it is owed to; the published pictures."""

import json
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data import check, load_data
from seatbelt_vae.data.bad_examples import BadExamples
from seatbelt_vae.data.registry import source_of
from seatbelt_vae.data.rendering import Camera, Look, Mesh, render
from seatbelt_vae.data.sets.chairs import INSTALLED
from seatbelt_vae.data.sets.drawn_chairs import DrawnChairs
from seatbelt_vae.errors import DataError

from .written_sets import CATALOGUE, furniture


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def place(tmp_path):
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


def as_bytes(data):
    """Every image in the order it is drawn in."""
    every = np.arange(len(data.train) + len(data.test))
    return np.rint((data.train.read(every) + 1) * 127.5).astype(np.uint8)[:, 0]


def test_chairs_are_found_by_the_last_word_of_their_name(place):
    furniture(place / "tiny.sh3f")
    data = load_data("chairs", place)
    model, azimuth, elevation = data.factors
    assert model.values == ("tiny/one/box", "tiny/ten/box")
    assert (azimuth.size, azimuth.values[:2], azimuth.values[-1]) == (
        31,
        ("0.0°", "11.6°"),
        "348.4°",
    )
    assert elevation.values == ("20°", "30°")
    assert data.credits == (
        "Oak chair with arms (one/box.obj) by Ann, Tiny chairs: CC BY 4.0",
        "Low stool (ten/box.obj) by Zoë, Tiny chairs: CC BY 4.0",
    )
    assert check("chairs", place).credits == data.credits
    assert len(data.train) + len(data.test) == 2 * 62


def test_factors_are_in_the_order_of_drawing(place):
    furniture(place / "tiny.sh3f")
    data = load_data("chairs", place)
    factors = data.train.factors_of(np.arange(124))
    expected = [(m, a, e) for m in range(2) for a in range(31) for e in range(2)]
    assert factors.tolist() == [list(row) for row in expected]


PLATE = "mtllib box.mtl\nv 0 0 0\nv 2 0 0\nv 2 3 0\nv 0 1 0\nusemtl {}\nf 1 2 3 4\n"


@pytest.mark.parametrize(
    ("material", "albedo"), [("plain", 1.0), ("cloth", 0.299 / 2), ("unknown", 0.8)]
)
def test_a_chair_is_drawn_upright_with_its_materials(place, material, albedo):
    furniture(place / "tiny.sh3f", mesh=PLATE.format(material))
    images = as_bytes(load_data("chairs", place)).reshape(2, 31, 2, 64, 64)
    corners = np.array([[0, 0, 0], [2, 0, 0], [2, 3, 0], [0, 1, 0]])
    # the second chair's matrix lays what was upright on its back
    for model, vertices in enumerate((corners, corners[:, [0, 2, 1]] * [1, -1, 1])):
        mesh = Mesh(vertices, [[0, 1, 2], [0, 2, 3]], [albedo, albedo]).centred()
        for azimuth, elevation in ((0, 0), (5, 1), (30, 0)):
            camera = Camera(-azimuth * 360 / 31, 20 + 10 * elevation, 0.628, 5.7)
            (expected,) = render(mesh, camera, [[0.3, 0.8, 0.52]], Look(0.25, 0.75, 1.0))
            assert (images[model, azimuth, elevation] == expected).all()


def test_drawn_chairs_look_like_the_samples(shared):
    """The samples were drawn by another program, their meshes rounded to half precision since."""
    meshes = np.load(shared / "data" / "sh3d_chairs" / "sh3d_meshes.npz")
    samples = np.load(shared / "data" / "sh3d_chairs" / "sh3d_chairs_64.npz")["imgs"]
    for index in (0, 5, 20, 40):
        mesh = Mesh(meshes[f"v{index}"], meshes[f"t{index}"]).centred()
        ours = [
            [render(mesh, Camera(-360 * a / 31, e, 0.628, 5.7), [[0, 0, 1]])[0] for a in range(31)]
            for e in (20, 30)
        ]
        filled, sample = np.array(ours).reshape(62, 64, 64) < 250, samples[index] < 250
        assert overlap(filled, sample) > 0.9
        assert overlap(np.roll(filled, 1, 0), sample) < 0.9
        assert overlap(filled[:, :, ::-1], sample) < 0.9


def overlap(one, other):
    """Mean intersection over union of silhouettes."""
    return ((one & other).sum((1, 2)) / (one | other).sum((1, 2))).mean()


def test_the_samples_attributions_are_ours(shared, place):
    """What the catalogue of a chair says there is in the credit we keep."""
    listed = json.loads((shared / "data" / "sh3d_chairs" / "attribution.json").read_text())
    lines = []
    for number, chair in enumerate(listed, start=1):
        lines += [f"name#{number}={chair['name']}", f"model#{number}={chair['model']}"]
        lines += [f"creator#{number}={chair['creator']}"]
    with zipfile.ZipFile(place / "all.sh3f", "w") as archive:
        archive.writestr("PluginFurnitureCatalog.properties", "\n".join(lines))
        for chair in listed:
            archive.writestr(chair["model"].lstrip("/"), PLATE.format("plain"))
    kept = load_data("chairs", place).credits
    assert len(kept) == len(listed)
    for credit, chair in zip(kept, listed, strict=True):
        assert credit.startswith(f"{chair['name']} ({chair['model'].lstrip('/')}) by ")
        assert f"by {chair['creator']}," in credit


def test_the_real_furniture():
    archives = sorted(INSTALLED.glob("*.sh3f"))
    if not archives:
        pytest.skip("no real furniture: apt install --no-install-recommends sweethome3d-furniture")
    drawn = DrawnChairs(tuple(archives))
    assert [factor.size for factor in drawn.factors] == [64, 31, 2]
    assert len(set(drawn.factors[0].values)) == 64
    licence = "Public domain|Creative Commons Attribution 3.0"
    assert all(re.search(rf" by \S.*: ({licence})", credit) for credit in drawn.credits)
    images, factors = next(drawn.images(BadExamples(skip_bad=False)))
    assert factors.tolist() == [[0, a, e] for a in range(31) for e in range(2)]
    covered = (images < 255).mean((1, 2))
    assert 0.03 < covered.min() < covered.max() < 0.6
    framed = np.pad(images[:, 1:-1, 1:-1], ((0, 0), (1, 1), (1, 1)), constant_values=255)
    assert (images == framed).all()


def damaged(place, what, content):
    """The archive with one member replaced, or left out if there is no content."""
    furniture(place / "tiny.sh3f")
    with zipfile.ZipFile(place / "tiny.sh3f") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[what] = content
    with zipfile.ZipFile(place / "tiny.sh3f", "w") as archive:
        for name, data in members.items():
            if data is not None:
                archive.writestr(name, data)


@pytest.mark.parametrize(
    ("what", "content", "reason"),
    [
        ("ten/box.obj", None, r"tiny\.sh3f:ten/box\.obj is missing though the catalogue names it"),
        (
            "ten/box.obj",
            b"v 1 2",
            r"tiny\.sh3f:ten/box\.obj, line 1: got 'v 1 2', expected 3 finite",
        ),
        ("ten/box.obj", b"v 1 1 1\nf 1 1 1", "a mesh of one point cannot be drawn"),
        ("ten/box.mtl", b"Kd 1", r"ten/box\.mtl, line 1: got 'Kd 1', expected newmtl"),
        (
            "ten/red.png",
            b"no picture",
            r"a texture of .*ten/box\.obj cannot be used: it is no pict",
        ),
    ],
)
def test_a_bad_chair_is_named_or_left_out(place, what, content, reason):
    damaged(place, what, content)
    with pytest.raises(DataError, match=rf"{reason}.*; leave bad ones out with skip_bad"):
        load_data("chairs", place)
    data = load_data("chairs", place, skip_bad=True)
    assert len(data.train) + len(data.test) == 62
    (note,) = data.notes
    assert re.search(f"^1 bad left out: .*{reason}", note)


def test_a_set_without_a_good_chair_says_why_and_caches_nothing(place, tmp_path):
    furniture(place / "tiny.sh3f", mesh="v 1 2\n")
    for _ in range(2):
        with pytest.raises(
            DataError, match=rf"{place} gives 0 images \(2 bad .*line 1: got 'v 1 2"
        ):
            load_data("chairs", place, skip_bad=True)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_single_published_picture_is_no_set(place):
    published(place, count=1)
    for path in sorted((place / "rendered_chairs").rglob("*.png"))[1:]:
        path.unlink()
    with pytest.raises(DataError, match=f"{place} gives 1 images: at least 2 make a training"):
        load_data("chairs", place)


@pytest.mark.parametrize("named", ["mtllib  \nmtllib .", "mtllib /", "mtllib box.mtl"])
def test_names_of_no_file_are_passed_over(place, named):
    furniture(place / "tiny.sh3f", mesh=PLATE.format("plain").replace("mtllib box.mtl", named))
    with zipfile.ZipFile(place / "tiny.sh3f") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["ten/box.mtl"] = b"newmtl plain\nmap_Kd /\n"
    with zipfile.ZipFile(place / "tiny.sh3f", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert len(load_data("chairs", place).train) == 112


@pytest.mark.parametrize(
    ("catalogue", "reason"),
    [
        (None, r"tiny\.sh3f cannot be used: it has no PluginFurnitureCatalog\.properties; get it"),
        ("name=x", r"no chair in .*tiny\.sh3f: add other archives"),
        ("name#x=chair\nmodel#x=a", "its catalogue has a piece #x, expected a number"),
        ("name#1=chair", "'chair' has no model; get it anew"),
        ("name#1=chair\nmodel#1=.", "'chair' has no model; get it anew"),
        (
            CATALOGUE.replace("0 -1 0 1 0", "0 1"),
            "modelRotation of ten/box.obj is '1 0 0 0 0 1', e",
        ),
        (CATALOGUE.replace("0 -1 0 1 0", "0 -1 0 1 x"), "expected nine numbers; get it anew"),
    ],
)
def test_a_bad_catalogue_is_named(place, catalogue, reason):
    damaged(place, "PluginFurnitureCatalog.properties", catalogue)
    with pytest.raises(DataError, match=reason):
        load_data("chairs", place)


def test_archives_that_are_none_or_lead_out(place):
    (place / "tiny.sh3f").write_bytes(b"not a zip")
    with pytest.raises(DataError, match=r"tiny\.sh3f cannot be used: File is not a zip file"):
        load_data("chairs", place)
    damaged(place, "../../evil.obj", b"")
    with pytest.raises(DataError, match=r"'\.\./\.\./evil\.obj' leads out of it"):
        load_data("chairs", place)


def test_a_mesh_cannot_name_files_elsewhere(place, tmp_path):
    (tmp_path / "secret.mtl").write_text("Kd broken")
    mesh = PLATE.format("plain").replace("box.mtl", str(tmp_path / "secret.mtl"))
    furniture(place / "tiny.sh3f", mesh=mesh)
    assert len(load_data("chairs", place).train) == 112


def test_a_folder_without_chairs(place, monkeypatch):
    advice = "has neither rendered_chairs/ nor .sh3f archives: `apt install --no-install-rec"
    with pytest.raises(DataError, match=advice):
        load_data("chairs", place)
    monkeypatch.setattr("seatbelt_vae.data.sets.chairs.INSTALLED", place)
    with pytest.raises(DataError, match=advice):
        load_data("chairs")
    furniture(place / "tiny.sh3f")
    assert len(load_data("chairs").train) == 112


def published(place, count=3, size=600, mode="RGB"):
    """Pictures of some models as they were published, a grey box on white each."""
    for model in range(count):
        renders = place / "rendered_chairs" / f"{model:032x}" / "renders"
        renders.mkdir(parents=True)
        for number, (elevation, azimuth) in enumerate([(20, 360), (20, 11), (30, 0), (30, 11)]):
            picture = Image.new(mode, (size, size), "white")
            picture.paste("gray", (200 + 25 * model, 300, 300 + 25 * model, 425 + 25 * number))
            name = f"image_{number + 1:03}_p{elevation:03}_t{azimuth:03}_r096.png"
            picture.save(renders / name)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_published_pictures_are_cropped_and_shrunk(place, inside, mode):
    published(place, mode=mode)
    data = load_data("chairs", place / "rendered_chairs" if inside else place)
    images = as_bytes(data)
    assert len(images) == 12
    assert [factor.size for factor in data.factors] == [3, 2, 2]
    assert data.factors[1].values == ("0°", "11°")
    assert data.factors[2].values == ("20°", "30°")
    factors = data.train.factors_of(np.arange(12))
    assert factors.tolist() == [
        [m, a, e] for m in range(3) for a, e in ((0, 0), (1, 0), (0, 1), (1, 1))
    ]
    for model in range(3):
        for number in range(4):
            # 6.25 published pixels make one
            expected = np.full((64, 64), 255)
            left = 16 + 4 * model
            expected[32 : 52 + 4 * number, left : left + 16] = 128
            assert np.abs(images[4 * model + number] - expected).max() <= 1
    assert data.credits == ("Aubry, Maturana, Efros, Russell, Sivic: Seeing 3D chairs, CVPR 2014",)


def truncate(path):
    path.write_bytes(path.read_bytes()[:300])


def shrink(path):
    Image.new("RGB", (64, 64)).save(path)


def rename(path):
    path.rename(path.with_name("chair.png"))


def elsewhere(path):
    outside = path.parents[4] / path.name
    path.rename(outside)
    path.symlink_to(outside)


def nowhere(path):
    path.unlink()
    path.symlink_to("gone.png")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (elsewhere, "is a link that leads out of its folder, to "),
        (nowhere, r"is a link to .*gone\.png, which is not there: restore that"),
        (truncate, r"image_002_p020_t011_r096\.png: it is damaged: .*; get it anew"),
        (shrink, "it has 64×64 pixels, expected 600×600; get it anew"),
        (rename, r"chair\.png is not named like image_001_p020_t011_r096\.png: take it away"),
    ],
)
def test_a_bad_published_picture_is_named_or_left_out(place, damage, reason):
    published(place)
    damage(next((place / "rendered_chairs").glob("*1/renders/image_002*")))
    with pytest.raises(DataError, match=reason):
        load_data("chairs", place)
    data = load_data("chairs", place, skip_bad=True)
    assert len(data.train) + len(data.test) == 11
    assert re.search(reason, data.notes[0])


def test_an_empty_tree(place):
    (place / "rendered_chairs").mkdir()
    with pytest.raises(
        DataError, match=r"has no \*/renders/\*\.png: unpack the whole of rendered_ch"
    ):
        load_data("chairs", place)


def test_the_state_tells_where_chairs_come_from(place):
    def state():
        return source_of(DataConfig("chairs", str(place))).state(DataConfig("chairs", str(place)))

    furniture(place / "tiny.sh3f")
    assert state().startswith("will be drawn from Sweet Home 3D's furniture into ")
    load_data("chairs", place)
    assert state().startswith("ready in ")
    published(place)
    assert state().startswith("will be read from the published pictures into ")
