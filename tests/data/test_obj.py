"""Wavefront meshes and materials: what is written is read back, what is wrong is named by line."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt_vae.data.readers.obj import Material, read_mtl, read_obj
from seatbelt_vae.errors import DataError

CORNERS = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


def triangles(polygons):
    return read_obj((CORNERS + polygons).encode(), "a.obj").triangles.tolist()


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_a_written_mesh_is_read_back(data):
    coordinate = st.floats(-1e6, 1e6, allow_nan=False)
    vertices = data.draw(
        st.lists(st.tuples(coordinate, coordinate, coordinate), min_size=3, max_size=20)
    )
    index = st.integers(0, len(vertices) - 1)
    polygons = data.draw(st.lists(st.lists(index, min_size=3, max_size=6), min_size=1, max_size=9))
    names = data.draw(st.lists(st.sampled_from(["a", "b b", "ç"]), min_size=9, max_size=9))
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in vertices]
    for name, polygon in zip(names, polygons, strict=False):
        lines += [f"usemtl {name}", "f " + " ".join(f"{i + 1}/7/{i + 2}" for i in polygon)]
    mesh = read_obj("\r\n".join(lines).encode("latin-1"), "a.obj")
    fans = [[p[0], p[k], p[k + 1]] for p in polygons for k in range(1, len(p) - 1)]
    owners = [n for n, p in zip(names, polygons, strict=False) for _ in range(len(p) - 2)]
    assert (mesh.vertices == np.array(vertices)).all()
    assert mesh.triangles.tolist() == fans
    assert [mesh.materials[m] for m in mesh.material] == owners


@pytest.mark.parametrize("corners", ["1 2 3", "1/1 2/9 3/4", "1//5 2//5 3//5", "-4 -3 -2"])
def test_every_form_of_a_corner(corners):
    assert triangles(f"f {corners}") == [[0, 1, 2]]


def test_what_is_passed_over():
    assert triangles(
        "# f 9\nvt 0 0\nvn 0 0 1\ng a\no b\ns off\nl 1 2\nmtllib x\nf 1 2\nf 1 2 4#"
    ) == [[0, 1, 3]]


def test_a_later_vertex_does_not_move_a_negative_index():
    assert triangles("f -4 -3 -2\nv 9 9 9\nf -1 -2 -3") == [[0, 1, 2], [4, 3, 2]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CORNERS + "f 1 2 x", "a.obj, line 5: got 'f 1 2 x', expected the vertices of a polygon"),
        (CORNERS + "f 1 2 0", "line 5: got 'f 1 2 0', expected the vertices of a polygon, counted"),
        (CORNERS + "f 1 2 -5", "line 5: got 'f 1 2 -5', expected the vertices"),
        (CORNERS + "f 1", "line 5: got 'f 1', expected the vertices"),
        (CORNERS + "f 1 2 3\nf 1 2 5", "line 6: a polygon names vertex 5, the file has 4; get it"),
        (CORNERS + "curv 0 1", "line 5: got 'curv 0 1', expected a statement of a polygon mesh"),
        ("v 0 0", "line 1: got 'v 0 0', expected 3 finite numbers"),
        ("v 0 0 nan", "line 1: got 'v 0 0 nan', expected 3 finite numbers"),
        ("v 0 0 1e999", "expected 3 finite numbers"),
        ("v 0 0 zero", "expected 3 finite numbers"),
        ("\x00\xff" * 50, "line 1: got .*, expected a statement"),
        ("", "has 0 vertices and 0 triangles, expected a mesh of polygons; get the file anew"),
        (CORNERS, "has 4 vertices and 0 triangles"),
    ],
)
def test_bad_meshes_are_named_by_line(text, reason):
    with pytest.raises(DataError, match=reason) as caught:
        read_obj(text.encode("latin-1"), "a.obj")
    assert len(str(caught.value)) < 250


def test_materials():
    text = (
        "newmtl red oak\nKd 1 0 0\nmap_Kd my wood.png\n\nnewmtl g\nKd 0 2 0\n"
        "newmtl b\n  Kd 0 0 1 # blue\nmap_Kd -s 1 1 1 sky.png\nnewmtl none\nNs 5"
    )
    assert read_mtl(text.encode(), "a.mtl") == {
        "red oak": Material(0.299, "my wood.png"),
        "g": Material(0.587),
        "b": Material(0.114, "sky.png"),
        "none": Material(0.8),
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Kd 1 1 1", "a.mtl, line 1: got 'Kd 1 1 1', expected newmtl before any colour"),
        ("newmtl a\nKd 1 1", "line 2: got 'Kd 1 1', expected 3 finite numbers"),
        ("newmtl a\nKd spectral file.rfl", "line 2: .* expected 3 finite numbers"),
    ],
)
def test_bad_materials_are_named_by_line(text, reason):
    with pytest.raises(DataError, match=reason):
        read_mtl(text.encode(), "a.mtl")
