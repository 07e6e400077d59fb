"""A wheel of the sources, and one of the sdist without a compiler, each in its own environment."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from seatbelt_vae.kernels.sources import LIBRARY

ROOT = Path(__file__).parent.parent
QUICK = "--pairs 1 --weight-count 3 --strength single --max-evaluations 20 --processes 1 --quiet"


@dataclass(frozen=True)
class Installed:
    """A wheel, and an environment with it and nothing else from this checkout."""

    wheel: Path
    folder: Path

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the wheel outside the checkout."""
        command = self.folder / "bin" / "seatbelt-vae"
        outside = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.run(
            [command, *line.split()],
            cwd=self.folder.parent,
            env={**outside, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )


def pip(*arguments: object, **variables: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    ended = subprocess.run(
        [*command, *map(str, arguments)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr


def copied(source: Path) -> Path:
    """A copy of the sources, without compiled files."""
    ignored = shutil.ignore_patterns("*.so", "*.dll", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", source / "src", ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    return source


def sdist(folder: Path) -> Path:
    program = f"from setuptools.build_meta import build_sdist; build_sdist({str(folder)!r})"
    source = copied(folder / "source")
    subprocess.run([sys.executable, "-c", program], cwd=source, check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    return archive


def install(source: Path, folder: Path, **variables: str) -> Installed:
    """Build a wheel from a folder or an sdist, and install it without dependencies.

    The other packages are those of this interpreter.
    """
    pip("wheel", source, "--no-build-isolation", "--no-deps", "--wheel-dir", folder, **variables)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    # before the other packages, so that pip finds no installed version among them
    pip("--python", environment, "install", "--no-deps", "--no-index", wheel)
    place = {"base": str(environment), "platbase": str(environment)}
    packages = Path(sysconfig.get_path("purelib", "venv", place))
    paths = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (packages / "others.pth").write_text("\n".join(paths))
    return Installed(wheel, environment)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    if shutil.which("c++") is None or sys.platform == "win32":
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("compiled")
    return install(copied(folder / "source"), folder, SEATBELT_KERNELS="required")


@pytest.fixture(scope="module")
def uncompiled(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    if sys.platform == "win32":
        pytest.skip("paths of a POSIX system")
    folder = tmp_path_factory.mktemp("uncompiled")
    return install(sdist(folder), folder, PATH="/nowhere", CC="cc", CXX="c++")


def test_one_wheel_fits_every_python(compiled: Installed) -> None:
    name = compiled.wheel.name
    assert "-py3-none-" in name
    assert not name.endswith("-any.whl")


def test_the_wheel_has_each_file_of_the_package(compiled: Installed) -> None:
    with zipfile.ZipFile(compiled.wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("seatbelt_vae/")}
    package = ROOT / "src" / "seatbelt_vae"
    files = {path for path in package.rglob("*") if path.is_file() and path.suffix != ".so"}
    expected = {
        path.relative_to(package.parent).as_posix()
        for path in files
        if "__pycache__" not in path.parts and path.suffix not in (".dll", ".pyc")
    }
    assert packed == expected | {f"seatbelt_vae/kernels/{LIBRARY}"}


def test_commands_run_outside_the_checkout(compiled: Installed) -> None:
    version = compiled.run("--version")
    assert (version.returncode, version.stderr) == (0, "")
    doctor = compiled.run("doctor --json")
    assert doctor.returncode == 0, doctor.stderr
    facts = json.loads(doctor.stdout)
    assert facts["package"]["folder"].startswith(str(compiled.folder))
    assert facts["kernels"]["used"]
    assert "zoo:faces-vae" in compiled.run("zoo").stdout
    images = np.random.default_rng(0).integers(0, 256, (60, 64, 64), np.uint8)
    np.save(compiled.folder.parent / "images.npy", images)
    attacked = compiled.run(f"attack zoo:faces-vae --data array:images.npy {QUICK}")
    assert attacked.returncode == 0, attacked.stderr
    summaries = compiled.folder.parent.glob("runs/faces-vae/attacks/*/summary.json")
    assert len(list(summaries)) == 1


def test_without_a_compiler_the_fallback_is_announced(uncompiled: Installed) -> None:
    version = uncompiled.run("--version")
    assert version.returncode == 0
    assert version.stderr.startswith("seatbelt-vae: the compiled kernels are not installed; slower")
    doctor = uncompiled.run("doctor")
    assert doctor.returncode == 0, doctor.stderr
    assert "compiled kernels       the compiled kernels are not installed; " in doctor.stdout
