"""The rules of an audit as JUnit XML, one test case per rule, for CI servers.

===============================================  ==========
rule                                             test case
===============================================  ==========
without a value                                  skipped
true, and the audit failed                       failure
other, with a flag or a check against the value  error
other                                            passed
===============================================  ==========

The exit code of the command is stricter than a skipped test: it is 2 if a rule has no value.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

from seatbelt_vae.runs import atomic_write
from seatbelt_vae.runs.audit_document import Audit, RuleOutcome

__all__ = ["junit_xml", "write_junit"]

_KINDS = ("failure", "error", "skipped")
# characters that XML 1.0 cannot express, even escaped
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, audit: Audit) -> None:
    """Write the rules of an audit as JUnit XML; the write is atomic."""
    atomic_write(path, junit_xml(audit))


def junit_xml(audit: Audit) -> bytes:
    """The rules of an audit as JUnit XML in UTF-8."""
    kinds = [_kind(rule, audit) for rule in audit.verdict.rules]
    counts: dict[str, str] = {
        "tests": str(len(kinds)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{audit.duration_s:.3f}",
    }
    name = _text(f"seatbelt-vae audit {audit.target.name}")
    root = ElementTree.Element("testsuites", {"name": name} | counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": name} | counts)
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in _properties(audit).items():
        ElementTree.SubElement(properties, "property", name=key, value=_text(value))
    # Jenkins splits a class name at its last dot
    class_name = _text(f"seatbelt_vae.auditing.{audit.target.name.replace('.', '_')}")
    for rule, kind in zip(audit.verdict.rules, kinds, strict=True):
        case = ElementTree.SubElement(
            suite, "testcase", classname=class_name, name=_text(rule.rule), time="0"
        )
        if kind in _KINDS:
            message = _message(rule, kind)
            outcome = ElementTree.SubElement(case, kind, message=_text(message))
            if kind != "skipped":
                outcome.set("type", audit.verdict.status)
            outcome.text = _text(audit.verdict.sentence)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _kind(rule: RuleOutcome, audit: Audit) -> str:
    if rule.holds is None:
        return "skipped"
    if rule.holds and audit.verdict.status == "fail":
        return "failure"
    doubted = not audit.believable or audit.verdict.status == "inconclusive"
    return "error" if doubted else "passed"


def _message(rule: RuleOutcome, kind: str) -> str:
    if kind == "skipped":
        return f"{rule.metric} has no value"
    found = f"{rule.metric} is {rule.value:.4g}"
    return f"{found}, so the rule is true" if kind == "failure" else f"{found}, inconclusive"


def _properties(audit: Audit) -> dict[str, str]:
    return {
        "status": audit.verdict.status,
        "finding": audit.verdict.finding or "",
        "target": audit.target.source,
        "digest": audit.target.digest,
        "data": audit.data.name,
        "command": audit.command,
    }


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
