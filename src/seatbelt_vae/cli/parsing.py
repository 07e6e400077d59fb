"""Parse the command line with tyro, and settings files; each error is printed as one line."""

import contextlib
import functools
import io
import operator
import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, cast

import tyro

from seatbelt_vae.cli.audit_options import Audit
from seatbelt_vae.cli.help import defaults_in_words
from seatbelt_vae.cli.options import (
    App,
    Attack,
    Claims,
    Compare,
    Completion,
    Data,
    Defend,
    Demo,
    Doctor,
    Evaluate,
    Report,
    Reproduce,
    Results,
    Share,
    Sweep,
    Train,
    Verb,
    Zoo,
)
from seatbelt_vae.cli.repeated_flags import add_up
from seatbelt_vae.config import AttackConfig, EvaluationConfig, RunConfig, load_toml
from seatbelt_vae.config.checks import one_of
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.runs import RunFolder, read_settings

__all__ = ["VERBS", "parse", "parse_train"]

VERBS: dict[str, type[Verb]] = {
    "train": Train,
    "sweep": Sweep,
    "audit": Audit,
    "defend": Defend,
    "attack": Attack,
    "evaluate": Evaluate,
    "report": Report,
    "compare": Compare,
    "results": Results,
    "reproduce": Reproduce,
    "claims": Claims,
    "share": Share,
    "data": Data,
    "zoo": Zoo,
    "app": App,
    "demo": Demo,
    "doctor": Doctor,
    "completion": Completion,
}

_PROGRAM = "seatbelt-vae"
_DESCRIPTION = (
    "Train, attack and measure variational autoencoders that are hard to fool. "
    "`seatbelt-vae demo` shows the main job, `seatbelt-vae VERB --help` the flags of a verb, "
    "`seatbelt-vae --version` the version, `seatbelt-vae doctor` the state of the installation."
)
_STYLE = (
    tyro.conf.OmitArgPrefixes,
    tyro.conf.OmitSubcommandPrefixes,
    tyro.conf.FlagCreatePairsOff,
    tyro.conf.PositionalMetavarFromFieldName,
    tyro.conf.DisallowNone,
    tyro.conf.HelptextFromCommentsOff,
)


def parse(arguments: Sequence[str]) -> Verb:
    """The options of a command line.

    Raises:
        ConfigError: an unknown verb or flag, a missing or malformed value, a setting that is not
            allowed, or an invalid settings file.
        ArtifactError: the run to resume does not exist.
        SystemExit: after ``--help``.
    """
    if not arguments or arguments[0].startswith("-"):
        kinds = [Annotated[kind, tyro.conf.subcommand(verb)] for verb, kind in VERBS.items()]
        return _parse(functools.reduce(operator.or_, kinds), _PROGRAM, arguments)
    verb, *flags = arguments
    one_of("verb", verb, VERBS)
    if verb == "data" and flags and not flags[0].startswith("-"):
        one_of("verb of data", flags[0], ("list", "prepare", "check"))
    program, flags = f"{_PROGRAM} {verb}", add_up(VERBS[verb], flags)
    options = _parse(VERBS[verb], program, flags, _from_settings_file(verb, flags))
    if isinstance(options, Sweep) and options.has_file:
        from seatbelt_vae.sweep import read_grid

        settings = read_grid(options.grid).train
        return _parse(Sweep, program, flags, Sweep.of(settings, grid=tyro.MISSING))
    if isinstance(options, Train) and options.resume and options.config is None:
        settings = RunFolder.open(options.folder).config
        return _parse(Train, program, flags, Train.of(settings, folder=tyro.MISSING))
    return options


def parse_train(flags: Sequence[str], base: Train) -> Train:
    """Options of `train`: ``base``, overridden by flags.

    Raises:
        ConfigError: as `parse`.
    """
    return cast(Train, _parse(Train, f"{_PROGRAM} train", ["run", *flags], base))


def _parse(kind: Any, program: str, flags: Sequence[str], default: Verb | None = None) -> Verb:
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            parsed = tyro.cli(
                kind,
                prog=program,
                description=_DESCRIPTION if program == _PROGRAM else None,
                args=flags,
                default=tyro.MISSING_NONPROP if default is None else default,
                config=_STYLE,
                registry=defaults_in_words(),
            )
    except SystemExit as exit_:
        if exit_.code:
            raise ConfigError(_one_line(errors.getvalue(), program)) from None
        raise
    return cast(Verb, parsed)


def _from_settings_file(verb: str, flags: Sequence[str]) -> Verb | None:
    """The options from ``--config FILE``, which other flags override."""
    path = _value_of("--config", flags)
    if path is None:
        return None
    match verb:
        case "train":
            return Train.of(_run_settings(path), folder=tyro.MISSING)
        case "sweep":
            return Sweep.of(_run_settings(path), grid=tyro.MISSING)
        case "attack":
            return Attack(target=tyro.MISSING, attack=read_settings(path, AttackConfig))
        case "evaluate":
            return Evaluate(target=tyro.MISSING, evaluation=read_settings(path, EvaluationConfig))
    return None


def _run_settings(path: Path) -> RunConfig:
    """Settings of a run; those in a run folder may have an older format."""
    if path.name == "config.toml" and (path.parent / "run.json").exists():
        return RunFolder.open(path.parent).config
    return load_toml(path, RunConfig)


def _value_of(flag: str, flags: Sequence[str]) -> Path | None:
    for argument, following in zip_longest(flags, flags[1:]):
        if argument == flag and following is not None:
            return Path(following)
        if argument.startswith(f"{flag}="):
            return Path(argument.removeprefix(f"{flag}="))
    return None


_RULE = "\0"
_SHORTER = {
    r"Error parsing (\S+): no type matching (.+) could be instantiated from \[(.*?)\].*": (
        r"\1 is \3, expected \2"
    ),
    r"Missing value for argument '(\S+)'.*": r"\1 lacks its value",
    r"Missing from (.+?): (\S+) (.*?) \(required\)": r"\2 is missing: \3",
    r"Unrecognized or misplaced options: (\S+) \(.*": r"unknown option \1",
    r"Unrecognized options: (-[^,]+).*": r"unknown option \1",
    r"Unrecognized options: ([^,]+).*": r"unexpected argument \1",
    r"(.* expected) \{?\[INT \[INT \.\.\.\]\]\}?": r"\1 integers separated by spaces",
    r"Expected one of \{(.*)\}\.": r"what to do is missing: expected one of \1",
    r"invalid choice (.*) for argument '(\S+)'\. Expected one of \((.*)\) ?\.": (
        r"\2 is \1, expected one of \3"
    ),
}


def _one_line(box: str, program: str) -> str:
    """The message and suggestion in an error text of tyro: a title, then parts between rules."""
    lines = [line.strip("│ ") for line in box.splitlines()[1:]]
    text = re.sub(r"^[─╰╯-]{3,}$", _RULE, "\n".join(lines), flags=re.MULTILINE)
    message, *rest = [part for part in text.split(_RULE) if part.strip()]
    message = " ".join(message.split())
    for long, short in _SHORTER.items():
        message = re.sub(f"^{long}$", short, message)
    suggested = re.search(r"Perhaps you meant:\s+(\S+)", " ".join(rest))
    guess = f", perhaps you meant {suggested[1]}" if suggested else ""
    return f"{message.rstrip('.')}{guess}; see {program} --help"
