"""Objects named in text: modules, files, the current directory, and what cannot be imported."""

import math
from importlib import import_module
from pathlib import Path

import pytest

import seatbelt_vae
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.references import resolve_reference


def test_attributes_of_modules_may_be_dotted():
    assert resolve_reference("math:floor") is math.floor
    assert resolve_reference("os:path.join")("a", "b") == "a/b"


def test_the_current_directory_is_importable(tmp_path, monkeypatch):
    (tmp_path / "reference_target.py").write_text("value = 5\n")
    monkeypatch.chdir(tmp_path)
    assert resolve_reference("reference_target:value") == 5


def test_a_file_imports_its_neighbours_also_later(tmp_path):
    (tmp_path / "reference_net.py").write_text("width = 7\n")
    (tmp_path / "reference_data.py").write_text("images = 8\n")
    code = "from reference_net import width\ndef load():\n    import reference_data\n"
    (tmp_path / "model.py").write_text(f"{code}    return width + reference_data.images\n")
    assert resolve_reference(f"{tmp_path / 'model.py'}:load")() == 15


def test_a_file_is_loaded_once_under_a_name_of_its_own(tmp_path):
    (tmp_path / "json.py").write_text("value = []\n")
    found = resolve_reference(f"{tmp_path / 'json.py'}:value")
    assert found == []
    assert resolve_reference(f"{tmp_path / 'json.py'}:value") is found
    assert resolve_reference("json:dumps")([]) == "[]"


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("math", "'math' is no reference: expected package.module:name or path/file.py:name"),
        (":floor", "':floor' is no reference"),
        ("math:", "'math:' is no reference"),
        ("math:a b", "'math:a b' is no reference"),
        ("a b:c", "'a b' is no module name"),
        ("..math:floor", r"'\.\.math' is no module name"),
        ("no_such_module.inner:x", "no module named 'no_such_module': install it"),
        ("math:nothing", "math has no attribute 'nothing'"),
        ("none.py:x", "no such file: .*none.py; check the path"),
    ],
)
def test_errors_name_the_part_that_is_wrong(reference, reason):
    with pytest.raises(ConfigError, match=reason):
        resolve_reference(reference)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_module", "failed: ModuleNotFoundError: No module named 'no_such_module'"),
        ("def f(:", "failed: SyntaxError: "),
        ("raise ValueError('one\\ntwo')", "failed: ValueError: one$"),
    ],
)
def test_a_file_that_fails_is_not_kept(tmp_path, code, reason):
    path = tmp_path / "bad.py"
    for _ in range(2):
        path.write_text(code)
        with pytest.raises(ConfigError, match=reason):
            resolve_reference(f"{path}:x")
    path.write_text("x = 1")
    assert resolve_reference(f"{path}:x") == 1


ROOT = Path(seatbelt_vae.__file__).parent
LAZY = [
    ".".join(("seatbelt_vae", *path.parent.relative_to(ROOT).parts))
    for path in sorted(ROOT.rglob("__init__.py"))
    if "lazy_lookup(" in path.read_text()
]


@pytest.mark.parametrize("package", LAZY)
def test_no_module_has_the_name_of_a_lazy_object(package):
    """Importing such a module would put it in the place of the object."""
    found = import_module(package)
    modules = {path.stem for path in Path(found.__file__).parent.iterdir()}
    assert found.__all__
    assert not modules & set(found.__all__)
