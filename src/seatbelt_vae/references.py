"""Objects of a user's own, named ``package.module:attribute`` or ``file.py:attribute``."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from seatbelt_vae.errors import ConfigError

__all__ = ["is_reference", "resolve_reference"]


def is_reference(name: str) -> bool:
    """Whether a name has the form of a reference.

    Example:
        >>> is_reference("my_vae.py:load"), is_reference("latent-kl")
        (True, False)
    """
    place, colon, attribute = name.rpartition(":")
    return bool(colon and place and attribute.isidentifier()) and not place.startswith("hf:")


def resolve_reference(name: str) -> Any:
    """Import the object that a reference names. Importing executes the module's code.

    The current directory is importable, as for ``python -m``. A file is loaded under a name of its
    own, with its folder importable.

    Raises:
        ConfigError: no such file, module or attribute, or the module fails on import.
    """
    place, _, attribute = name.rpartition(":")
    try:
        module = _file(Path(place)) if place.endswith(".py") else _module(place)
    except Exception as error:
        raise ConfigError(
            f"{place!r} of {name!r} cannot be imported ({type(error).__name__}: {error}): expected "
            f"package.module:attribute or file.py:attribute"
        ) from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise ConfigError(f"{place!r} has no {attribute!r}: give one of its names") from None


def _module(place: str) -> ModuleType:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return importlib.import_module(place)


def _file(path: Path) -> ModuleType:
    name = f"_seatbelt_vae_user_{path.stem}_{abs(hash(path.resolve()))}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None or not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    if str(path.resolve().parent) not in sys.path:
        sys.path.insert(0, str(path.resolve().parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
