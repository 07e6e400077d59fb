"""Commands of the report: they parse, keep the model and the data, and change what they say."""

import shlex
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from seatbelt_vae.auditing.advice import advice_on
from seatbelt_vae.auditing.audit_commands import data_options, elsewhere, lines, repeated
from seatbelt_vae.auditing.page import write_audit_report
from seatbelt_vae.cli.parsing import parse
from tests.auditing.example import example
from tests.auditing.stored_audit import write_audited
from tests.report.page import Page

COMMANDS = [
    "seatbelt-vae audit m.py:f --data folder:photos --pairs 4 --out here --fail-if 'gap@0.2 < 0.5'",
    "seatbelt-vae audit --pairs=4 m.py:f --fail-if 'gap@0.2 < 0.5' --data folder:photos --junit a",
    "seatbelt-vae audit --junit a --pairs 4 m.py:f --data folder:photos --fail-if 'gap@0.2 < 0.5'",
]


def flags_of(command: str):
    program, *words = shlex.split(command)
    assert program == "seatbelt-vae"
    return parse(words)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_repeated_command_changes_only_the_given_options(command: str) -> None:
    found = flags_of(repeated(command, pairs=2, out="again"))
    assert (found.target, found.data, found.audit.pairs) == ("m.py:f", "folder:photos", 2)
    assert (found.out, found.junit) == (Path("again"), None)
    assert found.fail_if == ("gap@0.2 < 0.5",)
    assert flags_of(repeated(command, effort=2)).audit.pairs == 4


def test_rules_are_replaced_as_a_list() -> None:
    found = flags_of(repeated(f"{COMMANDS[0]} 'damage@8/255 > 2' --quiet", fail_if="gap@0.1 < 1"))
    assert found.fail_if == ("gap@0.1 < 1",)
    assert found.output.quiet


@pytest.mark.parametrize("command", ["", "seatbelt-vae audit 'm.py:f"])
def test_text_that_is_no_command_gives_none(command: str) -> None:
    assert repeated(command, pairs=2) == data_options(command) == ""
    assert lines(command) == command


def test_the_data_are_named_with_all_options_of_reading() -> None:
    command = "seatbelt-vae audit --data folder --root a --skip-bad m.py:f --black 3 --pairs 4"
    assert data_options(command) == "--data folder --root a --skip-bad --black 3"


def test_long_commands_have_one_option_per_line() -> None:
    command = f"{COMMANDS[0]} --image-size 64"
    shown = lines(command)
    assert shown.count("\\\n") == 5
    assert shlex.split(shown.replace("\\\n", " ")) == shlex.split(command)


def test_results_of_a_run_stay_in_its_folder() -> None:
    audit = example()
    assert elsewhere(audit) == {"out": "again"}
    assert elsewhere(replace(audit, target=replace(audit.target, kind="run"))) == {}
    assert elsewhere(replace(audit, command="seatbelt-vae audit results/of_it")) == {}


def test_every_command_on_the_page_parses(tmp_path: Path) -> None:
    page = Page.of(write_audit_report(write_audited(tmp_path)))
    texts = [unescape("".join(pre.pieces)) for pre in page.root.find("pre")]
    scripts = [text.replace("\\\n", " ") for text in texts if text.startswith("seatbelt-vae")]
    commands = [command for script in scripts for command in script.splitlines()]
    pairs = [found.audit.pairs for c in commands if hasattr(found := flags_of(c), "audit")]
    # pairs of 3 × 6 × 4 pixels are attacked five at a time; nine are stored
    assert pairs[:4] == [None, None, 5, 9]
    assert any(command.startswith("seatbelt-vae train") for command in commands)


def test_advice_follows_from_the_findings() -> None:
    audit = example()
    titles = [advice.title for advice in advice_on(audit)]
    assert titles[0] == "Pairs not told apart"
    assert "Train a model that is harder to fool" in titles
    assert "Look at the weakest class" in titles
    robust = replace(audit, verdict=replace(audit.verdict, finding="not fooled", rules=()))
    titles = [advice.title for advice in advice_on(robust)]
    assert "Train a model that is harder to fool" not in titles
    assert titles[-1] == "Test it in CI"


def test_an_attack_that_has_not_converged_is_repeated_with_more_effort() -> None:
    audit = example()
    raised = replace(audit.flags[0], id="gap not converged", raised=True)
    few = replace(audit.flags[0], id="few pairs", raised=True)
    settings = audit.settings | {"effort": 2, "pairs": 4}
    doubted = replace(audit, flags=(raised, few), settings=settings)
    (again,) = [a for a in advice_on(doubted) if a.title == "Audit again"]
    found = flags_of(again.commands[0])
    assert (found.audit.effort, found.audit.pairs, found.out) == (4, 20, Path("again"))
