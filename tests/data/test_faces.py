"""ICT faces: the model's files, the order of the factors, who is drawn; the published tensor."""

from contextlib import suppress

import numpy as np
import pytest
import torch

from seatbelt_vae.config import DataConfig
from seatbelt_vae.data import load_data
from seatbelt_vae.data.registry import source_of
from seatbelt_vae.data.rendering import Camera, Look, Mesh, render
from seatbelt_vae.data.sets import faces as module
from seatbelt_vae.data.sets.face_model import FaceModel
from seatbelt_vae.errors import DataError

from .written_sets import faces

ALL = module.FACTOR_SIZES
SIZES = (4, 3, 5, 2)


@pytest.fixture(autouse=True)
def few_faces(tmp_path, monkeypatch):
    """All 127,050 would take most of a minute to draw."""
    monkeypatch.setenv("SEATBELT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "FACTOR_SIZES", SIZES)


@pytest.fixture
def place(tmp_path):
    (tmp_path / "set").mkdir()
    faces(tmp_path / "set")
    return tmp_path / "set"


def as_bytes(data):
    every = np.arange(len(data.train) + len(data.test))
    return np.rint((data.train.read(every) + 1) * 127.5).astype(np.uint8).reshape(*SIZES, 64, 64)


def test_factors_are_in_the_order_of_drawing(place):
    data = load_data("faces", place)
    assert [(f.name, f.size) for f in data.factors] == list(
        zip(("identity", "azimuth", "elevation", "lighting"), SIZES, strict=True)
    )
    factors = data.train.factors_of(np.arange(120)).reshape(*SIZES, 4)
    assert (factors == np.moveaxis(np.indices(SIZES), 0, -1)).all()


def test_each_face_is_its_own_sum_seen_from_its_side(place):
    images = as_bytes(load_data("faces", place))
    model = FaceModel.of(FaceModel.files(place))
    assert model.mean.shape == (4, 3)
    assert model.triangles.tolist() == [[0, 1, 3], [1, 2, 3], [2, 0, 3]]
    draws = np.random.Generator(np.random.Philox(0)).standard_normal((4, 2))
    mean = np.array([[-10, -10, 0], [10, -10, 0], [0, 10, 0], [0, 0, 10.0]])
    middle, radius = np.array([0, 0, 5]), np.sqrt(20**2 + 20**2 + 10**2) / 2
    for identity, (out, sideways) in enumerate(draws):
        corners = mean.copy()
        corners[3] += [sideways, 0, out]
        mesh = Mesh((corners - middle) / radius, model.triangles, smooth=True)
        for azimuth, degrees in enumerate((90, 0, -90)):
            for elevation, up in enumerate((-30, -15, 0, 15, 30)):
                lights = [[np.sin(a), 0.25, np.cos(a)] for a in np.radians([-75, 75])]
                camera = Camera(degrees, up, 1.55)
                expected = render(mesh, camera, lights, Look(0.1, 0.9, 0.0))
                found = images[identity, azimuth, elevation]
                assert np.abs(found.astype(int) - expected).max() <= 1


def test_the_reduced_file_is_the_same_model(shared):
    folder = shared / "data" / "ict_faces"
    model = FaceModel.of(FaceModel.files(folder))
    assert model.mean.shape == (12549, 3)
    assert model.modes.shape == (100, 12549, 3)
    assert model.triangles.shape == (24724, 3)
    size = np.linalg.norm(model.mean.max(0) - model.mean.min(0))
    (first,) = model.identities(1)
    assert 0.002 < np.abs(first - model.mean).mean() / size < 0.02


def test_drawn_faces_look_like_the_samples(shared):
    """The samples show 50 other people, drawn by another program: their mean is the mean face."""
    folder = shared / "data" / "ict_faces"
    samples = np.load(folder / "ict_faces_sample_50x7x3x3_64.npz")["imgs"].mean(0)
    model = FaceModel.of(FaceModel.files(folder))
    mesh = Mesh(model.mean, model.triangles, smooth=True).centred()
    turns = np.radians([-75, 0, 75])
    lights = np.stack([np.sin(turns), np.full(3, 0.25), np.cos(turns)], 1)
    ours = np.array(
        [
            [render(mesh, Camera(a, e, 1.55), lights, Look(0.1, 0.9, 0)) for e in (-30, 0, 30)]
            for a in np.linspace(90, -90, 7)
        ]
    )

    def likeness(order):
        return np.corrcoef(order.ravel(), samples.ravel())[0, 1]

    assert likeness(ours) > 0.9
    for axis in range(3):
        assert likeness(np.flip(ours, axis)) < 0.85


def test_there_are_as_many_as_of_the_published_ones():
    assert ALL == (50, 21, 11, 11)
    assert np.prod(ALL) == 127_050


def saved(place, tensor):
    torch.save(tensor, place / "basel_face_renders.pth")
    return place


def test_the_published_tensor_is_read_as_it_is(place):
    images = torch.randint(0, 256, (*SIZES, 64, 64), dtype=torch.uint8)
    data = load_data("faces", saved(place, images))
    assert (as_bytes(data) == images.numpy()).all()
    (credit,) = data.credits
    assert credit.startswith("basel_face_renders.pth, rendered from the Basel Face Model")
    assert "not MIT" in credit


def test_drawn_faces_are_owed_to_their_model(place):
    assert load_data("faces", place).credits == ("drawn from ICT-FaceKit (Li et al. 2020), MIT",)


class Evil:
    def __reduce__(self):
        return print, ("pickled code ran",)


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (
            torch.zeros(3, 3),
            r"holds torch\.float32 of shape \(3, 3\), expected torch\.uint8 of sha",
        ),
        ({"a": torch.zeros(1)}, "holds a dict, expected a tensor"),
        (Evil(), "cannot be used: Weights only load failed"),
    ],
)
def test_another_tensor_is_refused(place, tensor, reason, capfd):
    with pytest.raises(DataError, match=reason):
        load_data("faces", saved(place, tensor))
    assert capfd.readouterr().out == ""


def test_a_truncated_tensor_is_refused(place):
    path = saved(place, torch.zeros(*SIZES, 64, 64, dtype=torch.uint8)) / "basel_face_renders.pth"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"basel_face_renders\.pth cannot be used: .*; download it"):
        load_data("faces", place)


@pytest.mark.filterwarnings("ignore:.*")
@pytest.mark.parametrize("zipped", [True, False])
def test_any_damage_to_a_tensor_is_an_error_or_other_pixels(place, zipped):
    path = place / "basel_face_renders.pth"
    images = torch.zeros(*SIZES, 64, 64, dtype=torch.uint8)[:1, :1, :1, :1]
    torch.save(images, path, _use_new_zipfile_serialization=zipped)
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(good)
        damaged[rng.integers(len(good))] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        with suppress(DataError):
            assert isinstance(module._saved_tensor(path), torch.Tensor)


def test_other_moves_are_refused(place):
    path = place / "FaceXModel" / "identity001.obj"
    path.write_text("v 9 9 9\n" + path.read_text())
    with pytest.raises(DataError, match=r"has 5 vertices, generic_neutral_mesh\.obj has 4: take"):
        load_data("faces", place)


def test_a_head_without_skin_is_refused(place):
    path = place / "FaceXModel" / "generic_neutral_mesh.obj"
    path.write_text(path.read_text().replace("M_Face", "M_Hair"))
    with pytest.raises(DataError, match="has no polygon of M_Face, M_IrisLeft"):
        load_data("faces", place)


def test_a_damaged_mesh_is_named(place):
    path = place / "FaceXModel" / "identity000.obj"
    path.write_text(path.read_text()[:20] + "nan")
    with pytest.raises(DataError, match=r"identity000\.obj, line 2: got "):
        load_data("faces", place)


@pytest.mark.parametrize("name", ["generic_neutral_mesh", "identity"])
def test_a_folder_without_the_model(place, name):
    for path in (place / "FaceXModel").glob(f"{name}*"):
        path.unlink()
    with pytest.raises(
        DataError, match=r"holds no ICT faces: expected ict_face_f16\.npz, or a che"
    ):
        load_data("faces", place)
    with pytest.raises(DataError, match=r"ICT faces are drawn from files: give --root a checkout"):
        load_data("faces")


def test_the_state_tells_what_faces_are_made_of(place):
    config = DataConfig("faces", str(place))
    source = source_of(config)
    assert source.state(config).startswith("will be drawn from ")
    load_data("faces", place)
    assert source.state(config).startswith("ready in ")
    saved(place, torch.zeros(*SIZES, 64, 64, dtype=torch.uint8))
    assert source.state(config).startswith("will be read from ")
