"""``docs/audit.md`` agrees with the program: metrics, keys, exit codes, cases, rules, workflow."""

import re
from pathlib import Path

import pytest
import yaml

from seatbelt_vae.auditing import junit, verdict
from seatbelt_vae.auditing.exit_codes import ExitCode
from seatbelt_vae.auditing.metrics import METRICS, NEEDS, Metric, metrics_by_name
from seatbelt_vae.auditing.rules import read_rules
from seatbelt_vae.auditing.threat_budgets import threats_of
from seatbelt_vae.config import AuditConfig
from seatbelt_vae.runs.audit_document import audit_schema

TEXT = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")


def _rows(heading: str) -> list[list[str]]:
    """The rows of the first table after a heading, without its head."""
    section = TEXT.partition(f"\n## {heading}\n")[2]
    lines = re.search(r"(?:^\|.*\|\n)+", section, re.MULTILINE)
    assert lines
    return [line.strip("| ").split(" | ") for line in lines[0].splitlines()[2:]]


def test_it_leads_with_the_command_to_copy() -> None:
    assert TEXT.splitlines()[2:4] == [
        "```bash",
        'seatbelt-vae audit my_vae.py:load --data folder:photos --fail-if "gap@0.2 < 0.5"',
    ]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_is_described_as_it_is_declared(metric: Metric) -> None:
    (row,) = [row for row in _rows("Metrics") if row[0] == f"`{metric.name}`"]
    _, definition, unit, better, at, needs = row
    assert (definition, unit) == (metric.definition, metric.unit or "1")
    assert better == (metric.better or "–")
    assert (
        at
        == {
            "all": "every budget",
            "middle": "the middle budget",
            "middles": "the middle budgets",
            "none": "–",
        }[metric.at]
    )
    assert all(need.rstrip("s") in needs for need in metric.needs)
    assert bool(metric.needs) == (needs != "–")


def test_no_other_metric_is_described() -> None:
    assert len(_rows("Metrics")) == len(METRICS)


def test_every_key_of_the_document_is_described() -> None:
    assert [row[0] for row in _rows("audit.json")] == [
        f"`{key}`" for key in audit_schema()["properties"]
    ]


def test_every_exit_code_is_described() -> None:
    words = ["pass", "fail", "inconclusive", "not supported", "usage"]
    for (code, meaning), known, word in zip(_rows("Exit codes"), ExitCode, words, strict=True):
        assert int(code) == known
        assert word in meaning


def test_the_cases_are_those_of_the_program() -> None:
    assert [row[1] for row in _rows("The verdict")] == re.findall(
        r"(inconclusive|fail|pass)$", verdict.__doc__ or "", re.MULTILINE
    )
    assert [row[1] for row in _rows("In continuous integration")] == re.findall(
        r" (skipped|failure|error|passed)$", junit.__doc__ or "", re.MULTILINE
    )


def test_every_rule_in_a_command_is_valid() -> None:
    metrics = metrics_by_name(threats_of(AuditConfig(), (3, 8, 8)))
    options = re.findall(r'--fail-if((?: "[^"]+")+)', TEXT)
    rules = [rule for option in options for rule in re.findall(r'"([^"]+)"', option)]
    assert len(rules) == 4
    assert read_rules(rules, metrics, NEEDS)


def test_the_workflow_is_yaml_that_runs_the_command() -> None:
    (text,) = re.findall(r"(?s)```yaml\n(.*?)```", TEXT)
    (audit,) = yaml.safe_load(text)["jobs"].values()
    commands = [step["run"] for step in audit["steps"] if "run" in step]
    assert commands[-1] == (
        'seatbelt-vae audit my_vae.py:load --data folder:photos --fail-if "gap@0.2 < 0.5" '
        "--junit junit.xml"
    )
    assert audit["steps"][-1]["with"]["path"] == "junit.xml"


def test_the_text_on_screen_is_the_one_of_the_example() -> None:
    golden = (Path(__file__).parent / "example_screen.txt").read_text(encoding="utf-8")
    assert f"```\n{golden}```" in TEXT


def test_the_python_example_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    example = Path(__file__).parent / "example_audit.json"
    (tmp_path / "audit.json").write_bytes(example.read_bytes())
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"(?s)```python\n(.*?)```", TEXT)
    exec(code, {})
