"""The renderer against geometry that is known, and its two ways of drawing against each other."""

import math

import numpy as np
import pytest

from seatbelt_vae.data.rendering import Camera, Look, Mesh, render
from seatbelt_vae.data.rendering.drawing_kernel import by_kernel
from seatbelt_vae.data.rendering.rasteriser import by_arrays
from seatbelt_vae.data.rendering.scene import Scene
from seatbelt_vae.errors import DataError
from seatbelt_vae.kernels import RASTERISER

HEAD_ON = [[0, 0, 1]]
WHITE = Look(ambient=1, diffuse=0, background=0)
LIT = Look(ambient=0, diffuse=1, background=0)
SQUARE = [[0, 1, 2], [0, 2, 3]]


def square(side=1.0, depth=0.0, centre=(0.0, 0.0)):
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * side + centre
    return np.column_stack([corners, np.full(4, depth)])


def sphere(rings=60):
    """Vertices and triangles of a unit sphere, seen counter-clockwise from outside."""
    polar, around = np.meshgrid(
        np.linspace(0, math.pi, rings), np.linspace(0, 2 * math.pi, 2 * rings), indexing="ij"
    )
    points = np.stack(
        [np.sin(polar) * np.cos(around), np.cos(polar), -np.sin(polar) * np.sin(around)], -1
    )
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(2 * rings - 1), indexing="ij")
    a = (i * 2 * rings + j).ravel()
    b, c, d = a + 1, a + 2 * rings, a + 2 * rings + 1
    triangles = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
    return points.reshape(-1, 3), triangles


def random_scene(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 60))
    triangles = rng.integers(0, count, (int(rng.integers(1, 80)), 3))
    mesh = Mesh(
        rng.normal(size=(count, 3)) * rng.choice([0.05, 0.4, 2.0]),
        triangles,
        rng.random(len(triangles)),
        smooth=bool(seed % 2),
    )
    distance = math.inf if seed % 3 else 20.0
    camera = Camera(rng.uniform(-180, 180), rng.uniform(-90, 90), rng.uniform(0.3, 2), distance)
    lights = rng.normal(size=(1 + seed % 4, 3))
    look = Look(rng.uniform(0, 0.6), rng.uniform(0, 1.2), rng.random())
    return Scene.of(mesh, camera, lights, look, int(rng.choice([1, 7, 32, 64])))


@pytest.mark.parametrize("seed", range(60))
def test_compiled_code_and_numpy_give_the_same_bits(seed):
    if not RASTERISER.is_built():
        pytest.skip("the package was installed without a compiler")
    scene = random_scene(seed)
    assert (by_kernel(scene) == by_arrays(scene)).all()


@pytest.fixture(params=[True, False], ids=["compiled", "numpy"])
def drawn(request, monkeypatch):
    """`render` by either way."""
    if not request.param:
        monkeypatch.setattr(RASTERISER, "is_built", lambda: False)
    elif not RASTERISER.is_built():
        pytest.skip("the package was installed without a compiler")
    return render


def places(side, zoom):
    """x and y of the middle of each pixel, y up."""
    steps = (2 * (np.arange(side) + 0.5) / side - 1) / zoom
    return np.meshgrid(steps, -steps)


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("light", [(0, 0, 1), (1, 0.2, 0.5), (-0.3, -1, 0.1)])
@pytest.mark.parametrize("view", [(0, 0), (130, -40)])
def test_a_sphere_obeys_lamberts_law_from_everywhere(drawn, smooth, light, view):
    mesh = Mesh(*sphere(), smooth=smooth)
    (picture,) = drawn(mesh, Camera(*view, zoom=0.9), [light], LIT)
    x, y = places(64, 0.9)
    inside = x**2 + y**2 < 0.85
    normal = np.stack([x, y, np.sqrt(np.maximum(1 - x**2 - y**2, 0))])
    expected = 255 * np.maximum(np.tensordot(np.array(light) / np.linalg.norm(light), normal, 1), 0)
    assert np.abs(picture - expected)[inside].max() < (4 if smooth else 9)
    assert (picture[x**2 + y**2 > 1.1] == 0).all()


@pytest.mark.parametrize("seed", range(8))
def test_coverage_is_area(drawn, seed):
    corners = np.random.default_rng(seed).uniform(-0.95, 0.95, (3, 2))
    mesh = Mesh(np.column_stack([corners, np.zeros(3)]), [[0, 1, 2]])
    (picture,) = drawn(mesh, Camera(0, 0), HEAD_ON, WHITE)
    (a, b, c) = corners * 32
    area = abs((b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]) / 2
    around = sum(np.linalg.norm(p - q) for p, q in ((a, b), (b, c), (c, a)))
    assert abs(picture.sum() / 255 - area) < 0.05 * around
    x, y = places(64, 1)
    centre = np.array([x[picture > 0].mean(), y[picture > 0].mean()])
    assert np.abs(centre - corners.mean(0)).max() < 0.05


def test_two_triangles_share_an_edge_without_a_seam(drawn):
    mesh = Mesh(square(0.77), SQUARE)
    (picture,) = drawn(mesh, Camera(0, 0), HEAD_ON, WHITE)
    x, y = places(64, 1)
    assert (picture[(abs(x) < 0.75) & (abs(y) < 0.75)] == 255).all()


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("distance", [math.inf, 5.0])
def test_the_nearer_surface_hides_the_other(drawn, first, distance):
    corners = [square(0.5, 0.3), square(0.5, -0.3)]
    order = [first, 1 - first]
    triangles = np.array(SQUARE)
    mesh = Mesh(
        np.concatenate([corners[i] for i in order]),
        np.concatenate([triangles, triangles + 4]),
        np.repeat([(1.0, 0.2)[i] for i in order], 2),
    )
    for azimuth, expected in ((0, 255), (180, 51)):
        (picture,) = drawn(mesh, Camera(azimuth, 0, distance=distance), HEAD_ON, WHITE)
        assert picture[32, 32] == expected


def test_surfaces_that_cross_are_seen_where_they_are_in_front(drawn):
    slope = np.array([[-0.8, -0.8, -0.4], [0.8, -0.8, 0.4], [0.8, 0.8, 0.4], [-0.8, 0.8, -0.4]])
    mesh = Mesh(
        np.concatenate([square(0.8), slope]),
        [*SQUARE, [4, 5, 6], [4, 6, 7]],
        [1.0, 1.0, 0.2, 0.2],
    )
    (picture,) = drawn(mesh, Camera(0, 0), HEAD_ON, WHITE)
    assert (picture[10:54, 8:30] == 255).all()
    assert (picture[10:54, 34:56] == 51).all()


@pytest.mark.parametrize(
    ("marker", "view", "place"),
    [
        ((0.6, 0, 0), (0, 0), (0.6, 0)),
        ((0, 0.6, 0), (0, 0), (0, 0.6)),
        ((0, 0, 0.6), (0, 0), (0, 0)),
        ((0, 0, 0.6), (90, 0), (-0.6, 0)),
        ((0.6, 0, 0), (180, 0), (-0.6, 0)),
        ((0, 0, 0.6), (0, 90), (0, -0.6)),
        ((0, 0.6, 0), (0, 30), (0, 0.6 * math.cos(math.pi / 6))),
        ((0, 0, 0.6), (0, 30), (0, -0.3)),
    ],
)
def test_where_things_are_seen(drawn, marker, view, place):
    points, triangles = sphere(10)
    (picture,) = drawn(Mesh(0.1 * points + marker, triangles), Camera(*view), HEAD_ON, WHITE)
    x, y = places(64, 1)
    found = (x[picture > 127].mean(), y[picture > 127].mean())
    assert np.allclose(found, place, atol=0.02)


@pytest.mark.parametrize(
    ("camera", "half"),
    [
        (Camera(0, 0, 0.5), 0.25),
        (Camera(0, 0, 1.5), 0.75),
        (Camera(0, 0, 1.0, 4.0), 0.5 * 4 / 3.5),
        (Camera(180, 0, 1.0, 4.0), 0.5 * 4 / 4.5),
    ],
)
def test_sizes_follow_zoom_and_perspective(drawn, camera, half):
    (picture,) = drawn(Mesh(square(0.5, 0.5), SQUARE), camera, HEAD_ON, WHITE, 128)
    assert math.isclose(math.sqrt(picture.sum() / 255) / 128, half, rel_tol=0.01)


def test_both_sides_of_a_surface_are_lit_alike(drawn):
    back = [triangle[::-1] for triangle in SQUARE]
    for light in ([[0.5, 0.2, 1]], [[0, 0, -1]]):
        pictures = [drawn(Mesh(square(0.5), t), Camera(20, 10), light, LIT) for t in (SQUARE, back)]
        assert (pictures[0] == pictures[1]).all()
    assert pictures[0].max() == 0


def test_light_and_albedo_add_up(drawn):
    mesh = Mesh(square(0.9), SQUARE, [0.5, 0.5])
    look = Look(ambient=0.2, diffuse=0.6, background=0.4)
    lights = [[0, 0, 2], [0, 3, 4], [1, 0, 0]]
    pictures = drawn(mesh, Camera(0, 0), lights, look)
    assert pictures[:, 32, 32].tolist() == [
        round(255 * 0.5 * (0.2 + 0.6 * straight)) for straight in (1, 0.8, 0)
    ]
    assert (pictures[:, 0, 0] == 102).all()


def test_what_is_brighter_than_white_is_white(drawn):
    (picture,) = drawn(Mesh(square(), SQUARE), Camera(0, 0), HEAD_ON, Look(1, 1, -1))
    assert (picture == 255).all()
    (picture,) = drawn(Mesh(square(0.1), SQUARE), Camera(0, 0), HEAD_ON, Look(1, 1, -1))
    assert picture[0, 0] == 0


def test_a_mesh_is_centred_in_its_box():
    mesh = Mesh(square(3.0, 7.0, (5.0, -2.0)), SQUARE).centred()
    assert np.allclose(mesh.vertices[:, 2], 0)
    assert np.allclose(np.linalg.norm(mesh.vertices, axis=1), 1)
    other = Mesh(square(1.5, 7.0, (5.0, -2.0)), SQUARE).centred(Mesh(square(3, 7, (5, -2)), SQUARE))
    assert np.allclose(np.linalg.norm(other.vertices, axis=1), 0.5)


TRIANGLE = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Mesh([[0, 0]], [[0, 0, 0]]), r"vertices of shape \(1, 2\), expected \(N, 3\)"),
        (lambda: Mesh(TRIANGLE, np.empty((0, 3), int)), r"triangles of shape \(0, 3\)"),
        (lambda: Mesh([[np.nan] * 3], [[0, 0, 0]]), "vertices that are not finite or beyond"),
        (lambda: Mesh([[1e13] * 3], [[0, 0, 0]]), "vertices that are not finite or beyond 1e"),
        (lambda: Mesh(TRIANGLE, [[0.0, 1, 2]]), "triangles are float64, expected integers"),
        (lambda: Mesh(TRIANGLE, [[0, 1, 3]]), r"triangles name vertices 0 … 3, the mesh has 0 … 2"),
        (lambda: Mesh(TRIANGLE, [[-1, 1, 2]]), r"triangles name vertices -1 … 2"),
        (lambda: Mesh(TRIANGLE, [[0, 1, 2]], [1.1]), r"expected 1 values in \[0, 1\]"),
        (lambda: Mesh(TRIANGLE, [[0, 1, 2]], [1, 1]), r"albedo of shape \(2,\), expected 1"),
        (lambda: Mesh([[1, 1, 1]], [[0, 0, 0]]).centred(), "a mesh of one point cannot be drawn"),
        (lambda: Camera(math.nan, 0), "expected finite angles, and zoom and distance above 0"),
        (lambda: Camera(0, 0, 0), "expected finite angles, and zoom and distance above 0"),
        (lambda: Camera(0, 0, 1, -1), "expected finite angles, and zoom and distance above 0"),
        (lambda: drawing(Camera(0, 0, 1, 0.1), depth=0.2), "distance 0.1 stands inside the mesh"),
        (lambda: drawing(Camera(0, 0, 1e9)), "falls far outside the picture: lower the camera"),
        (lambda: drawing(lights=[0, 0, 1]), r"lights of shape \(3,\), expected \(L, 3\) finite"),
        (
            lambda: drawing(lights=[[0, 0, np.inf]]),
            r"lights of shape \(1, 3\), expected \(L, 3\) f",
        ),
        (lambda: drawing(side=0), "pictures of side 0, expected 1 … 2048 pixels"),
        (lambda: drawing(side=2049), "pictures of side 2049, expected 1 … 2048 pixels"),
        (lambda: drawing(lights=[[0, 0, 0]]), "a light has no direction: expected vectors longer"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make, reason):
    with pytest.raises(DataError, match=reason):
        make()


def drawing(camera=None, lights=HEAD_ON, depth=0.0, side=64):
    return render(Mesh(square(1, depth), SQUARE), camera or Camera(0, 0), lights, side=side)
