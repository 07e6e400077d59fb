"""JUnit XML: one test case per rule, counts that agree, and text that any parser reads."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from seatbelt_vae.auditing.junit import junit_xml, write_junit
from seatbelt_vae.runs.audit_document import Audit, RuleOutcome, Status
from tests.auditing.example import example

TRUE = RuleOutcome("gap@0.2 < 0.5", "gap@0.2", 0.3, 0.5, True)
FALSE = RuleOutcome("damage@0.2 > 3", "damage@0.2", 1.7, 3.0, False)
UNKNOWN = RuleOutcome("code_gap@0.2 < 1", "code_gap@0.2", None, 1.0, None)


def _audit(status: Status, *rules: RuleOutcome) -> Audit:
    audit = example()
    return replace(audit, verdict=replace(audit.verdict, status=status, rules=rules))


def test_a_false_rule_is_no_pass_while_a_flag_withholds_the_verdict() -> None:
    audit = _audit("fail", TRUE, FALSE)
    flags = tuple(replace(flag, raised=flag.id == "not converged") for flag in audit.flags)
    assert _kinds(replace(audit, flags=flags)) == ["failure", "error"]


def _kinds(audit: Audit) -> list[str]:
    cases = ElementTree.fromstring(junit_xml(audit)).findall("testsuite/testcase")
    return [case[0].tag if len(case) else "passed" for case in cases]


@pytest.mark.parametrize(
    ("status", "rules", "kinds"),
    [
        ("pass", [FALSE], ["passed"]),
        ("fail", [TRUE, FALSE, UNKNOWN], ["failure", "passed", "skipped"]),
        ("inconclusive", [TRUE, FALSE, UNKNOWN], ["error", "error", "skipped"]),
        ("inconclusive", [UNKNOWN], ["skipped"]),
        ("pass", [], []),
    ],
)
def test_one_case_per_rule_and_counts_that_agree(
    status: Status, rules: list[RuleOutcome], kinds: list[str]
) -> None:
    audit = _audit(status, *rules)
    assert _kinds(audit) == kinds
    root = ElementTree.fromstring(junit_xml(audit))
    (suite,) = root
    for element in (root, suite):
        counts = {"failures": "failure", "errors": "error", "skipped": "skipped"}
        assert element.get("tests") == str(len(kinds))
        assert {name: element.get(name) for name in counts} == {
            name: str(kinds.count(kind)) for name, kind in counts.items()
        }


def test_the_attributes_that_ci_servers_read() -> None:
    root = ElementTree.fromstring(junit_xml(example()))
    assert (root.tag, root[0].tag) == ("testsuites", "testsuite")
    assert root.get("time") == "148.200"
    first, second = root.findall("testsuite/testcase")
    assert first.attrib == {
        "classname": "seatbelt_vae.auditing.my_vae",
        "name": "gap@0.2 < 0.5",
        "time": "0",
    }
    (failure,) = first
    assert failure.attrib == {"message": "gap@0.2 is 0.3087, so the rule is true", "type": "fail"}
    assert failure.text == example().verdict.sentence
    assert list(second) == []
    properties = {entry.get("name"): entry.get("value") for entry in root.iter("property")}
    assert properties["command"] == example().command
    assert properties["digest"] == example().target.digest


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ('<a href="x">&amp;', '<a href="x">&amp;'),
        (
            "bell\a null\0 escape\x1b",
            "bell\N{REPLACEMENT CHARACTER} null\N{REPLACEMENT CHARACTER} "
            "escape\N{REPLACEMENT CHARACTER}",
        ),
        ("lone \ud800 surrogate", "lone \N{REPLACEMENT CHARACTER} surrogate"),
        ("]]> ε 面", "]]> ε 面"),
    ],
)
def test_any_text_is_valid_xml(name: str, read: str) -> None:
    audit = _audit("fail", TRUE)
    audit = replace(audit, target=replace(audit.target, name=name, source=name))
    audit = replace(audit, verdict=replace(audit.verdict, sentence=name))
    root = ElementTree.fromstring(junit_xml(audit))
    assert root.get("name") == f"seatbelt-vae audit {read}"
    (failure,) = root.iter("failure")
    assert failure.text == read


def test_a_dot_in_the_name_makes_no_package_for_jenkins() -> None:
    audit = example()
    audit = replace(audit, target=replace(audit.target, name="vae.v2.pt"))
    (case, _) = ElementTree.fromstring(junit_xml(audit)).iter("testcase")
    assert case.get("classname") == "seatbelt_vae.auditing.vae_v2_pt"


def test_it_is_written_as_a_file(tmp_path: Path) -> None:
    write_junit(tmp_path / "junit.xml", example())
    text = (tmp_path / "junit.xml").read_bytes()
    assert text == junit_xml(example())
    assert text.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites')
