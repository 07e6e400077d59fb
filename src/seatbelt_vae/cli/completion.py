"""``completion``: the script with which a shell completes verbs, flags, names and paths."""

import re
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import shtab
from docstring_parser import parse
from tyro.conf import Positional

from seatbelt_vae.cli.options import Completion
from seatbelt_vae.cli.parsing import VERBS
from seatbelt_vae.config import PRESETS
from seatbelt_vae.config.evaluation import OPTIONAL_METRICS
from seatbelt_vae.config.loss_files import LOSSES
from seatbelt_vae.config.objective import TC_ESTIMATORS
from seatbelt_vae.config.training import TRACKERS
from seatbelt_vae.config.training_defences import TRAINING_DEFENCES
from seatbelt_vae.config.wrappers import WRAPPERS
from seatbelt_vae.data import DATA_SETS
from seatbelt_vae.runs.zoo_folder import ZOO, zoo_models

__all__ = ["completed_parser", "run"]

_NAMES: Mapping[str, Iterable[str]] = {
    "preset": PRESETS,
    "defence": TRAINING_DEFENCES,
    "loss": LOSSES,
    "losses": LOSSES,
    "tc_estimator": TC_ESTIMATORS,
    "trackers": TRACKERS,
    "optional_metrics": OPTIONAL_METRICS,
}
_NAMES_OR_FILES: Mapping[str, Iterable[str]] = {
    "data": [name for name in DATA_SETS if ":" not in name],  # hf:NAME is a pattern
    "target": [f"{ZOO}{name}" for name in zoo_models()],
    "with": WRAPPERS,
}
_PATHS = ("root", "folders")
_POSITIONAL = get_args(Positional[int])[1]

# without it, bash completes only the part of zoo:NAME behind the colon
_WHOLE_WORDS = "COMP_WORDBREAKS=${COMP_WORDBREAKS//:}"


def run(options: Completion) -> None:
    """Print the script for one shell."""
    preamble = _WHOLE_WORDS if options.shell == "bash" else ""
    script = shtab.complete(completed_parser(), options.shell, preamble=preamble)
    # shtab writes a positional list as one word for zsh
    print(script.replace('"(*)::', '"*:') if options.shell == "zsh" else script)


def completed_parser() -> ArgumentParser:
    """The verbs and flags as a parser of `argparse`, which shtab reads."""
    parser = ArgumentParser("seatbelt-vae")
    parser.add_argument("--version", action="version", version="")
    verbs = parser.add_subparsers()
    for verb, kind in VERBS.items():
        _add_verb(verbs, verb, kind)
    return parser


def _add_verb(verbs: Any, name: str, kind: Any) -> None:
    summary = parse(kind.__doc__).short_description or ""
    _add_arguments(verbs.add_parser(name, help=summary, description=summary), kind)


def _add_arguments(parser: ArgumentParser, kind: Any) -> None:
    """Add the fields of a dataclass, and of the dataclasses in it, as tyro does."""
    docs = [parse(base.__doc__ or "") for base in reversed(kind.__mro__)]
    helps = {param.arg_name: param.description for doc in docs for param in doc.params}
    for field, annotated in get_type_hints(kind, include_extras=True).items():
        hint, marks = _split(annotated)
        verbs = [_split(option) for option in get_args(hint)]
        if is_dataclass(hint):
            _add_arguments(parser, hint)
        elif verbs and is_dataclass(verbs[0][0]):
            subparsers = parser.add_subparsers()
            for verb, (name,) in verbs:
                _add_verb(subparsers, name.name, verb)
        else:
            _add_argument(
                parser, field, hint, _POSITIONAL in marks, _first_clause(helps.get(field))
            )


def _add_argument(
    parser: ArgumentParser, field: str, hint: Any, is_positional: bool, help_: str
) -> None:
    name, parts = field.strip("_"), list(_parts(hint))
    flag = name if is_positional else f"--{name.replace('_', '-')}"
    if bool in parts:
        parser.add_argument(flag, action="store_true", help=help_)
        return
    choices = _NAMES.get(name) or [word for part in parts for word in _words(part)]
    argument: Any = parser.add_argument(
        flag, nargs="*" if tuple in parts else None, choices=choices or None, help=help_
    )
    if name in _NAMES_OR_FILES:
        argument.complete = _names_or_files(name, _NAMES_OR_FILES[name])
    elif name in _PATHS or Path in parts:
        argument.complete = shtab.FILE


def _split(annotated: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type and the marks of tyro on it."""
    if get_origin(annotated) is not Annotated:
        return annotated, ()
    hint, *marks = get_args(annotated)
    return hint, tuple(marks)


def _parts(hint: Any) -> Iterator[Any]:
    """The type, the types in it, and their generic types."""
    yield hint
    yield get_origin(hint)
    if get_origin(hint) is not Literal:
        for part in get_args(hint):
            yield from _parts(part)


def _words(part: Any) -> tuple[str, ...]:
    return get_args(part) if get_origin(part) is Literal else ()


def _first_clause(help_: str | None) -> str:
    """The beginning of a help text that fits beside a flag, with % escaped for argparse.

    Example:
        >>> _first_clause("folder of the files (default: that of the run), read only")
        'folder of the files'
    """
    text = " ".join((help_ or "").replace("`", "").split())
    return re.split(r"[;:,.] | \(|\.$", text)[0].replace("%", "%%")


def _names_or_files(label: str, names: Iterable[str]) -> dict[str, Any]:
    """Functions of the shells that complete one of ``names``, or a path."""
    function, words = f"_seatbelt_vae_{label}_or_file", " ".join(names)
    return {
        "bash": function,
        "zsh": function,
        "fish": f"{words} (__fish_complete_path (commandline -ct))",
        "preamble": {
            "bash": f'{function}() {{ compgen -W \'{words}\' -- "$1"; compgen -f -- "$1"; }}',
            "zsh": f"{function}() {{ _alternative 'n:name:({words})' 'f:file:_files' }}",
        },
    }
