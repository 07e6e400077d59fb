"""Files about the project agree with it; their syntax is that of YAML."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def parsed(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_citation_is_of_this_version_and_names_the_paper() -> None:
    citation = parsed("CITATION.cff")
    shared = ("version", "license", "keywords")
    assert [citation[key] for key in shared] == [PROJECT[key] for key in shared]
    assert (citation["title"], citation["abstract"]) == (PROJECT["name"], PROJECT["description"])
    (paper,) = citation["references"]
    names = [author["family-names"] for author in paper["authors"]]
    assert names == ["Willetts", "Camuto", "Rainforth", "Roberts", "Holmes"]
    assert paper["url"] == PROJECT["urls"]["Paper"]


def test_the_changelog_begins_with_what_is_not_released() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"(?m)^## \[(.+?)\]", text)
    assert versions[0] == "Unreleased"
    assert PROJECT["version"] in text
    kinds = set(re.findall(r"(?m)^### (.+)$", text))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_lowest_versions_are_the_bounds_of_the_project() -> None:
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").split()
    extras = PROJECT["optional-dependencies"]
    whole = [*PROJECT["dependencies"], *extras["hdf5"], *extras["hub"]]
    bounds = [bound.partition(",")[0] for bound in whole]
    assert [line.replace("==", ">=") for line in lines] == sorted(bounds)
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().replace("_", "-")
    tried = dict(line.split("==") for line in pinned.split())
    for bound in map(Requirement, whole):
        assert bound.specifier.contains(tried[bound.name]), bound


def test_hosted_tests_are_those_of_the_makefile() -> None:
    workflow = parsed(".github/workflows/test.yml")
    commands = [step.get("run", "") for step in workflow["jobs"]["test"]["steps"]]
    assert any(command.startswith("make test") for command in commands)
    lowest = PROJECT["requires-python"].removeprefix(">=")
    assert lowest in workflow["jobs"]["test"]["strategy"]["matrix"]["python"]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_forms_have_distinct_fields(path: Path) -> None:
    fields = [field["id"] for field in parsed(str(path))["body"] if field["type"] != "markdown"]
    assert len(fields) == len(set(fields)) > 0


def test_a_bug_report_asks_for_the_installation() -> None:
    labels = [field["attributes"].get("label", "") for field in parsed(str(FORMS[0]))["body"]]
    assert "Output of `seatbelt-vae doctor`" in labels


def test_hooks_are_the_checks_of_the_makefile() -> None:
    (local,) = parsed(".pre-commit-config.yaml")["repos"]
    checks = (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(BIN)/", "")
    for hook in local["hooks"]:
        command = hook["entry"].removeprefix(".venv/bin/").removesuffix(" --force-exclude")
        assert f"\t{command}" in checks
