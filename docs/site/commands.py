"""Reference of the command line, from its parsers."""

import argparse
import inspect
import re
from collections.abc import Iterator

import tyro
from docs.site.markdown import escaped, table

from seatbelt_vae.cli.help import defaults_in_words
from seatbelt_vae.cli.options import Data, DataCheck, DataList, DataPrepare
from seatbelt_vae.cli.parsing import _STYLE, VERBS

__all__ = ["verbs"]

_LIST = re.compile(r"\[(\w+) \[\1 \.\.\.\]\]")
_MANY = r"\1 …"
_VERBS_OF_DATA = {"list": DataList, "prepare": DataPrepare, "check": DataCheck}


def verbs() -> str:
    """One section per verb: synopsis, description, and tables of its flags."""
    sections = []
    for verb, kind in VERBS.items():
        if kind is Data:
            sections += [_section(f"data {name}", each) for name, each in _VERBS_OF_DATA.items()]
        else:
            sections.append(_section(verb, kind))
    return "\n".join(sections)


def _section(verb: str, kind: type) -> str:
    command = f"seatbelt-vae {verb}"
    parser = tyro.extras.get_parser(kind, prog=command, config=_STYLE, registry=defaults_in_words())
    positional = [each for each in parser._actions if not each.option_strings]
    names = " ".join(map(_usage, positional))
    about = inspect.cleandoc(kind.__doc__ or "").partition("\nArgs:")[0]
    lines = [f"## {verb}", "", f"    {command} {names} [FLAGS]".replace("  [", " ["), ""]
    lines += [escaped(about.strip()), ""]
    for title, actions in _groups(parser):
        rows = [(_name(each), escaped(each.help or "").rstrip(". ")) for each in actions]
        lines += [f":::{{rst-class}} flags\n:::\n\n{table((title or 'flag', 'meaning'), rows)}"]
    return "\n".join(lines)


def _groups(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[argparse.Action]]]:
    """The actions with the title of their group; positional arguments and own flags first."""
    titles = {"positional arguments": "", "options": ""}
    own: list[argparse.Action] = []
    others: dict[str, list[argparse.Action]] = {}
    for group in parser._action_groups:
        actions = [each for each in group._group_actions if each.dest != "help"]
        title = titles.get(group.title or "", group.title or "")
        (others.setdefault(title, []) if title else own).extend(actions)
    if own:
        yield "", own
    yield from ((title.capitalize(), each) for title, each in others.items() if each)


def _usage(action: argparse.Action) -> str:
    return str(action.metavar)


def _name(action: argparse.Action) -> str:
    flag, value = ", ".join(action.option_strings), str(action.metavar or "")
    if value.startswith("{") and "[" not in value:
        value = value.replace(",", r"\|")
    text = f"{flag} {_LIST.sub(_MANY, value).strip('{}')}"
    return f"`{text.strip()}`"
