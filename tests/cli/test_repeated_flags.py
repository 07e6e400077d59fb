"""Every flag of every verb, given twice: the values add up, or the command stops."""

import typing
from pathlib import Path

import pytest

from seatbelt_vae.cli.options import DataCheck, DataList, DataPrepare
from seatbelt_vae.cli.parsing import VERBS, parse
from seatbelt_vae.cli.repeated_flags import flag_types
from seatbelt_vae.config.evaluation import OPTIONAL_METRICS
from seatbelt_vae.errors import ConfigError

KINDS = {verb: kind for verb, kind in VERBS.items() if verb != "data"} | {
    "data list": DataList,
    "data prepare": DataPrepare,
    "data check": DataCheck,
}
NEEDED = {
    "train": "x",
    "sweep": "x",
    "attack": "x",
    "audit": "x",
    "evaluate": "x",
    "report": "x",
    "compare": "x",
    "results": "SELECT",
    "reproduce": "fig5",
    "claims": "x",
    "share": "x y",
    "data prepare": "x",
    "data check": "x",
}
ADD_UP = {
    "train --trackers": ("tensorboard", "wandb"),
    "sweep --trackers": ("tensorboard", "wandb"),
    "sweep --vary": ("beta=1,4", "seed=0,1"),
    "evaluate --optional-metrics": OPTIONAL_METRICS[:2],
    "evaluate --downstream-strengths": ("strong", "paper"),
    "train --defence": ("coupled-encoder", "encoder-jacobian"),
    "sweep --defence": ("coupled-encoder", "encoder-jacobian"),
    "audit --fail-if": ("gap@0.2<0.5", "damage@0.2>5"),
    "results --runs": ("a", "b"),
    "reproduce --roots": ("faces=a", "chairs=b"),
}


def _positional(kind: type) -> set[str]:
    hints = typing.get_type_hints(kind, include_extras=True).items()
    return {f"--{name}" for name, hint in hints if hasattr(hint, "__metadata__")}


FLAGS = [
    f"{verb} {flag}"
    for verb, kind in KINDS.items()
    for flag, hint in flag_types(kind).items()
    if hint is not bool and flag not in _positional(kind)
]


@pytest.mark.parametrize("flag", ADD_UP)
@pytest.mark.parametrize("form", ["{0} {1} {0} {2}", "{0}={1} {0}={2}", "{0} {1} --quiet {0} {2}"])
def test_lists_of_words_add_up(flag: str, form: str) -> None:
    verb, _, name = flag.rpartition(" ")
    line = form.format(name, *ADD_UP[flag])
    options = parse([*verb.split(), *NEEDED.get(verb, "").split(), *line.split()])
    found = _find(options, name.removeprefix("--").replace("-", "_"))
    assert tuple(map(str, found)) == ADD_UP[flag]


@pytest.mark.parametrize("flag", sorted({*FLAGS} - {*ADD_UP}))
def test_any_other_flag_given_twice_stops(flag: str) -> None:
    verb, _, name = flag.rpartition(" ")
    underscored = f"--{name.removeprefix('--').replace('-', '_')}"
    for line in (f"{name} 1 {name} 2", f"{name}=1 {underscored}=2"):
        with pytest.raises(ConfigError) as caught:
            parse([*verb.split(), *NEEDED.get(verb, "").split(), *line.split()])
        assert str(caught.value) == f"{name} is given twice, first as '1': give it once"


def test_a_switch_may_be_repeated() -> None:
    options = parse(["report", "x", "--json", "--quiet", "--json"])
    assert options.output.json


def test_negative_numbers_are_values() -> None:
    with pytest.raises(ConfigError, match=r"--beta is given twice, first as '-1'"):
        parse(["train", "x", "--beta", "-1", "--beta", "-.5"])


def test_positional_arguments_stay_where_they_are() -> None:
    options = parse(["results", "--runs", "a", "--json", "--runs", "b"])
    assert options.runs == (Path("a"), Path("b"))
    assert options.sql is None


def _find(options: object, name: str) -> tuple[object, ...]:
    if hasattr(options, name):
        return getattr(options, name)
    nested = [part for part in vars(options).values() if hasattr(part, name)]
    return getattr(nested[0], name)
