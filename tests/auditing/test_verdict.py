"""Every combination of checks, flags and rules has the status of the table in `verdict`."""

from dataclasses import replace
from itertools import product

import pytest

from seatbelt_vae.auditing.exit_codes import ExitCode, exit_code, exit_code_of_error
from seatbelt_vae.auditing.rules import Rule
from seatbelt_vae.auditing.verdict import verdict_of
from seatbelt_vae.errors import (
    ArtifactError,
    ConfigError,
    DataError,
    HubError,
    ModelError,
    ShapeError,
    UnreadableError,
)
from seatbelt_vae.runs.audit_document import AuditFlag, Check
from tests.auditing.example import example
from tests.auditing.test_rules import result

CHECK = Check("unexplained", 1.7, 1.0, True, "it is worse than the mean image", "check bounds")
FLAG = AuditFlag("not converged", "inconclusive", True, "it falls", "by 0.1", "raise evaluations")
INVALID = replace(FLAG, id="encoder not repeatable", do="use evaluation mode")
WARNING = replace(FLAG, id="paths differ", severity="warning", do="read on")
CLEAR = replace(INVALID, raised=False)

# a rule about a gap of 0.4, and whether it is: true and proven, true, false, without a value
RULES = {
    "proven": Rule("gap@0.2", "<", 0.5),
    "true": Rule("gap@0.2", ">", 0.1),
    "false": Rule("gap@0.2", "<", 0.3),
    "unknown": Rule("code_gap@0.2", "<", 0.3),
}
SUBSETS = list(product([False, True], repeat=len(RULES)))


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("flag", [False, True])
@pytest.mark.parametrize("invalid", [False, True])
@pytest.mark.parametrize("warning", [False, True])
@pytest.mark.parametrize("chosen", SUBSETS, ids=str)
def test_the_status_of_every_combination(
    check: bool, flag: bool, invalid: bool, warning: bool, chosen: tuple[bool, ...]
) -> None:
    kinds = [kind for kind, wanted in zip(RULES, chosen, strict=True) if wanted]
    flags = [CLEAR, *[FLAG] * flag, *[INVALID] * invalid, *[WARNING] * warning]
    found = verdict_of(
        [result(0.4), result(None, "code_gap@0.2")],
        [replace(CHECK, raised=check)],
        flags,
        [RULES[kind] for kind in kinds],
    )
    if check or invalid:
        expected = "inconclusive"
    elif flag:
        expected = "fail" if "proven" in kinds else "inconclusive"
    elif "proven" in kinds or "true" in kinds:
        expected = "fail"
    else:
        expected = "inconclusive" if "unknown" in kinds else "pass"
    assert found.status == expected
    assert exit_code(found) == {"pass": 0, "fail": 1, "inconclusive": 2}[expected]
    assert found.finding == (None if check or invalid else "fooled")
    holds = {"proven": True, "true": True, "false": False, "unknown": None}
    assert [outcome.holds for outcome in found.rules] == [holds[kind] for kind in kinds]
    word = expected.capitalize()
    assert found.sentence.startswith(f"{word}: " if kinds or expected != "pass" else "The model")
    assert found.sentence.endswith(".")
    assert "\n" not in found.sentence


@pytest.mark.parametrize(
    ("gap", "finding", "moved"),
    [
        (0.5, "fooled", "50 %"),
        (0.51, "partly fooled", "49 %"),
        (0.75, "partly fooled", "25 %"),
        (0.76, "not fooled", "24 %"),
        (1.1, "not fooled", "−10 %"),
    ],
)
def test_the_finding_follows_the_gap(gap: float, finding: str, moved: str) -> None:
    found = verdict_of([result(gap)], [], [WARNING])
    assert (found.status, found.finding) == ("pass", finding)
    assert found.sentence == (
        f"The model is {finding}: a distortion 20 % as large as the difference between input and "
        f"target moves the reconstruction {moved} of the way to the target."
    )
    doubted = verdict_of([result(gap)], [], [FLAG])
    assert doubted.finding == ("fooled" if finding == "fooled" else None)
    assert f"{moved} of the way" in doubted.sentence


@pytest.mark.parametrize(
    ("flags", "texts", "start"),
    [
        ([], ["gap@0.2 < 0.5"], "Fail: the rule gap@0.2 < 0.5 (0.4) is true. The model is fooled"),
        (
            [],
            ["gap@0.2<0.5", "gap@0.2<0.1"],
            "Fail: 1 of 2 rules is true, gap@0.2 < 0.5 (0.4). The",
        ),
        (
            [FLAG],
            ["gap@0.2<0.5", "gap@0.2>0.1"],
            "Fail: 1 of 2 rules is true, gap@0.2 < 0.5 (0.4). A stronger attack, which may exist "
            "(not converged), cannot undo that. The model is fooled",
        ),
        ([], ["gap@0.2 < 0.3"], "Pass: the rule gap@0.2 < 0.3 (0.4) is false. The model is fooled"),
        ([], ["gap@0.2 < 0.3", "gap@0.2 > 9"], "Pass: none of the 2 rules is true. The model"),
        (
            [FLAG],
            [],
            "Inconclusive: the numbers cannot be relied on, since a flag is raised (not "
            "converged): raise evaluations. The model is fooled",
        ),
        ([], ["damage@0.2 > 2"], "Inconclusive: damage@0.2 has no value, so damage@0.2 > 2 is"),
    ],
)
def test_the_sentence(flags: list[AuditFlag], texts: list[str], start: str) -> None:
    found = verdict_of([result(0.4)], [], flags, [Rule.parse(text) for text in texts])
    assert found.sentence.startswith(start)


def test_a_raised_check_leaves_only_its_remedy() -> None:
    found = verdict_of([result(0.4)], [CHECK], [FLAG], [RULES["proven"]])
    assert found.sentence == (
        "Inconclusive: the model may not be read as it was meant, since it is worse than the mean "
        "image (check unexplained): check bounds."
    )


def test_an_audit_without_the_headline_and_without_rules_passes() -> None:
    found = verdict_of([result(0.4, "gap@0.3")], [], [])
    assert (found.status, found.finding) == ("pass", None)
    assert found.sentence == "Pass: no rule was given."


def test_the_verdict_of_the_example_is_the_one_of_its_numbers() -> None:
    audit = example()
    rules = [Rule.parse(outcome.rule) for outcome in audit.verdict.rules]
    assert verdict_of(audit.results, audit.checks, audit.flags, rules) == audit.verdict


@pytest.mark.parametrize(
    ("error", "code", "while_opening"),
    [
        (ConfigError("no such setting"), 4, 4),
        (ModelError("no codes"), 3, 3),
        (ShapeError("3 channels"), 3, 3),
        (ArtifactError("pickle"), 2, 3),
        (UnreadableError("locked"), 2, 2),
        (DataError("no images"), 2, 2),
        (HubError("offline"), 2, 2),
        (RuntimeError("crash"), 2, 2),
        (MemoryError(), 2, 2),
    ],
)
def test_the_exit_code_of_an_error(error: Exception, code: int, while_opening: int) -> None:
    assert exit_code_of_error(error) == code
    assert exit_code_of_error(error, opening=True) == while_opening
    assert {code, while_opening} <= set(ExitCode)
