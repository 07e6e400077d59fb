"""Import an object that is named in text, such as ``package.module:attribute``."""

import hashlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from seatbelt_vae.errors import ConfigError, SeatbeltError

__all__ = ["expanded_path", "guarded", "is_reference", "lazy_lookup", "resolve_reference"]


logger = logging.getLogger(__name__)

_SLOW = 30.0


def lazy_lookup(
    package: str, namespace: dict[str, Any], names_by_module: Mapping[str, str]
) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package whose names are imported when they are first used.

    Args:
        package: its name.
        namespace: its globals, where a name is kept once it is imported.
        names_by_module: names of each submodule, separated by spaces.
    """
    module_of = {
        name: module for module, names in names_by_module.items() for name in names.split()
    }

    def lookup(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{module_of[name]}"), name)
        namespace[name] = value
        return value

    return lookup


def expanded_path(path: str | Path, error: type[SeatbeltError] = ConfigError) -> Path:
    """A path with its ``~`` or ``~user`` replaced by the home folder.

    Raises:
        error: the user is unknown or has no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise error(f"{path}: no home folder of that user is known; give the whole path") from None


def is_reference(name: str) -> bool:
    """Whether a name has the form of a reference; ``hf:NAME`` has not.

    Example:
        >>> is_reference("my_vae.py:load"), is_reference("latent-kl"), is_reference("hf:mnist")
        (True, False, False)
    """
    place, _, attribute = name.rpartition(":")
    named = all(part.isidentifier() for part in attribute.split("."))
    return bool(place) and place != "hf" and named and not place.startswith("hf:")


@contextmanager
def guarded(activity: str) -> Iterator[None]:
    """Run a user's code: log once if it takes long, and end processes that it forked.

    Args:
        activity: words for the message, such as ``importing my_vae.py``.
    """
    process = os.getpid()
    timer = threading.Timer(
        _SLOW, logger.warning, ("%s takes more than %g s: Ctrl-C stops it", activity, _SLOW)
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if os.getpid() != process:  # a copy of this process must not run the command again
            os._exit(1)


def resolve_reference(reference: str) -> Any:
    """Import the object named by ``package.module:attribute`` or ``path/file.py:attribute``.

    Importing runs the code of the module. For ``package.module`` the current directory is
    importable, as with ``python -m``; for a file its folder, as with ``python path/file.py``. A
    file is loaded once per process, under a generated name.

    Args:
        reference: module or file, a colon, and an attribute, which may be dotted.

    Raises:
        ConfigError: malformed reference, module or attribute not found, or the import failed.

    Example:
        >>> resolve_reference("math:floor")(2.5)
        2
    """
    place, _, attribute = reference.rpartition(":")
    if not place or not all(part.isidentifier() for part in attribute.split(".")):
        raise ConfigError(
            f"{reference!r} is no reference: expected package.module:name or path/file.py:name"
        )
    found = _module_of_file(Path(place)) if place.endswith(".py") else _module(place)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"{place} has no attribute {attribute!r}: check the spelling")
        found = getattr(found, part)
    return found


def _module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(f"{name!r} is no module name: expected package.module or path/file.py")
    _make_importable(Path.cwd())
    try:
        with guarded(f"importing {name}"):
            return import_module(name)
    except (Exception, SystemExit) as error:
        raise _failed(name, error) from error


def _make_importable(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _module_of_file(path: Path) -> ModuleType:
    path = expanded_path(path).absolute()
    name = f"_seatbelt_vae_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    try:
        found = path.is_file()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; make it readable") from None
    if not found:
        raise ConfigError(f"no such file: {path}; check the path before the colon")
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    _make_importable(path.parent)
    # registered before execution, so that dataclasses and pickle find the module by name
    sys.modules[name] = module
    try:
        with guarded(f"importing {path}"):
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception | SystemExit):
            raise _failed(str(path), error) from error
        raise
    return module


def _failed(place: str, error: Exception | SystemExit) -> ConfigError:
    if (
        isinstance(error, ModuleNotFoundError)
        and error.name
        and f"{place}.".startswith(f"{error.name}.")
    ):
        return ConfigError(
            f"no module named {error.name!r}: install it, or run from the folder that holds it"
        )
    reason = next(iter(str(error).splitlines()), "") or "no message"
    return ConfigError(f"importing {place} failed: {type(error).__name__}: {reason}")
