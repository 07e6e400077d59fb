"""``doctor``: one line per fact of the installation."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from seatbelt_vae.cli.options import Doctor
from seatbelt_vae.cli.stdout import print_json
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.installation import inspect_installation

__all__ = ["run"]

_WIDTH = 22


def run(options: Doctor) -> None:
    """Print the sections, each when it is known.

    Raises:
        ConfigError: a required package is missing, of another version, or cannot be imported.
    """
    found: dict[str, Any] = {}
    for name, section in inspect_installation():
        found[name] = section
        if not options.output.json:
            for label, text in _lines(name, section):
                print(f"{label:<{_WIDTH}} {_without_home(text)}", flush=True)
    if options.output.json:
        print_json(found)
    if problems := list(_problems(found)):
        raise ConfigError("; ".join(problems))


def _lines(name: str, section: Any) -> Iterator[tuple[str, str]]:
    """Label and text of the lines of a section."""
    match name:
        case "package":
            version = section["version"] or "not installed, used"
            yield "seatbelt-vae", f"{version} in {section['folder']}"
        case "python":
            yield "Python", f"{section['version']} ({section['implementation']})"
        case "system":
            yield "system", section["platform"]
            cores = f"{section['usable_cores']} of {section['cores']} cores"
            yield "processor", f"{section['processor']}, {cores}"
            variables = [f"{key}={value}" for key, value in section["variables"].items()]
            yield "environment", ", ".join(variables) or "no variable of interest is set"
        case "kernels":
            yield "compiled kernels", section["fallback"] or "used"
        case "packages":
            yield "packages", _versions(section) or "unknown: this checkout is not installed"
        case "extras":
            yield from map(_extra, section)
        case "folders":
            yield from map(_folder, section)
        case "torch":
            yield from _torch(section)


def _versions(packages: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(f"{one['name']} {one['version'] or 'missing'}" for one in packages)


def _extra(extra: Mapping[str, Any]) -> tuple[str, str]:
    adds = f"{extra['adds']}; " if extra["adds"] else ""
    if extra["installed"]:
        return f"extra {extra['name']}", f"{adds}{_versions(extra['packages'])}"
    return f"extra {extra['name']}", f"{adds}pip install 'seatbelt-vae[{extra['name']}]'"


def _folder(folder: Mapping[str, Any]) -> tuple[str, str]:
    held = None if folder["bytes"] is None else f"{_size(folder['bytes'])} used"
    free = None if folder["free_bytes"] is None else f"{_size(folder['free_bytes'])} free"
    facts = [fact for fact in (folder["path"], held, free, folder["problem"]) if fact]
    return folder["name"], ", ".join(facts)


def _torch(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if section["problem"]:
        yield "torch", section["problem"]
        return
    threads = f"{section['threads']} thread{'s' * (section['threads'] != 1)}"
    yield "torch", f"{section['version']}, {threads}, {section['instruction_set']}"
    for gpu in section["gpus"]:
        yield "GPU", f"{gpu['name']}, {_size(gpu['bytes'])}, CUDA {section['cuda']}"
    if section["mps"]:
        yield "GPU", "Apple (mps), not used by seatbelt-vae: computations run on the CPU"
    if not section["gpus"] and not section["mps"]:
        build = f"for CUDA {section['cuda']}" if section["cuda"] else "for the CPU only"
        yield "GPU", "; ".join(["none", f"this torch was built {build}", *section["warnings"]])


def _problems(found: Mapping[str, Any]) -> Iterator[str]:
    for package in found["packages"]:
        if not package["accepted"]:
            name, expected = package["name"], package["expected"]
            yield f"{name} is {package['version'] or 'missing'}, expected {expected}: " + (
                f"pip install '{name}{expected}'"
            )
    if found["torch"]["problem"]:
        yield f"{found['torch']['problem']}: pip install --force-reinstall torch"


def _size(count: float) -> str:
    """Bytes in decimal units.

    Example:
        >>> _size(999), _size(1_250_000), _size(3e12)
        ('999 B', '1.2 MB', '3.0 TB')
    """
    if count < 1000:
        return f"{count:.0f} B"
    unit = next(power for power in (4, 3, 2, 1) if count >= 1000**power or power == 1)
    return f"{count / 1000**unit:.1f} {' kMGT'[unit]}B"


def _without_home(text: str) -> str:
    """The text with ~ for the home folder, which names the user."""
    try:
        home = str(Path.home())
    except RuntimeError:  # this user has none
        return text
    return text if home == "/" else re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
