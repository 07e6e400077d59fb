"""``audit.json``: the schema describes what is written, and a damaged file is one line."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from jsonschema import Draft202012Validator

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs.audit_document import Audit, audit_schema, read_audit, write_audit
from tests.auditing.example import content, example

SCHEMA = audit_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
ADDED = {"defence", "input_name", "target_name"}
OPEN = {"settings", "capabilities", "assumptions", "won_by"}


def _tables(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all tables with fixed keys."""
    if isinstance(value, dict) and not (path and path[-1] in OPEN):
        yield path
        for key, item in value.items():
            yield from _tables(item, (*path, key))
    elif isinstance(value, list) and value:
        yield from _tables(value[0], (*path, 0))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


TABLES = list(_tables(content()))


def _refused(changed: dict[str, Any], tmp_path: Path) -> str:
    """The error of reading a file, which the schema refuses too."""
    assert not VALIDATOR.is_valid(changed)
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(changed))
    with pytest.raises(ArtifactError) as caught:
        read_audit(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_schema_is_a_schema_and_the_example_follows_it() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(content())


def test_a_written_audit_follows_the_schema_and_is_read_back(tmp_path: Path) -> None:
    write_audit(tmp_path / "audit.json", example())
    assert read_audit(tmp_path / "audit.json") == example()
    assert json.loads((tmp_path / "audit.json").read_text()) == content()


def test_numbers_that_are_not_finite_become_null(tmp_path: Path) -> None:
    results = tuple(
        replace(result, value=float("nan"), low=float("-inf"), high=float("inf"))
        for result in example().results
    )
    write_audit(tmp_path / "audit.json", replace(example(), results=results))
    text = (tmp_path / "audit.json").read_text()
    written = json.loads(text, parse_constant=pytest.fail)
    VALIDATOR.validate(written)
    assert {result["value"] for result in written["results"]} == {None}
    assert read_audit(tmp_path / "audit.json").results[0].high is None


@pytest.mark.parametrize("optional", ["universal", "classifier", "score", "placement", "defence"])
def test_an_answer_that_was_not_asked_for_is_null(optional: str, tmp_path: Path) -> None:
    write_audit(tmp_path / "audit.json", replace(example(), **{optional: None}))
    VALIDATOR.validate(json.loads((tmp_path / "audit.json").read_text()))
    assert getattr(read_audit(tmp_path / "audit.json"), optional) is None


def test_the_example_fills_every_field() -> None:
    def empty(value: Any) -> bool:
        if is_dataclass(value):
            return any(empty(getattr(value, f.name)) for f in fields(value))
        return value is None or value == ()

    audit = example()
    assert [f.name for f in fields(audit) if empty(getattr(audit, f.name))] == []


def _schema_of(name: str) -> dict[str, Any]:
    entry = SCHEMA["properties"][name]
    for part in (entry, entry.get("items", {}), *entry.get("anyOf", [])):
        if "$ref" in part:
            found: dict[str, Any] = SCHEMA["$defs"][part["$ref"].rpartition("/")[2]]
            return found
    return {}


def _class_of(hint: Any) -> Any:
    return next((kind for kind in (hint, *get_args(hint)) if is_dataclass(kind)), None)


def _required(kind: Any) -> list[str]:
    """The fields that audits of every version have."""
    return [f.name for f in fields(kind) if f.name not in ADDED]


def test_the_schema_names_the_fields_of_the_classes() -> None:
    hints = get_type_hints(Audit)
    assert list(SCHEMA["properties"]) == list(hints)
    assert SCHEMA["required"] == _required(Audit)
    for name, hint in hints.items():
        kind = _class_of(hint)
        if kind is not None:
            schema = _schema_of(name)
            assert list(schema["properties"]) == [f.name for f in fields(kind)]
            assert schema["required"] == _required(kind)


@pytest.mark.parametrize("path", TABLES, ids=lambda path: ".".join(map(str, path)) or "top")
def test_an_unknown_key_is_refused(path: tuple[Any, ...], tmp_path: Path) -> None:
    changed = deepcopy(content())
    _at(changed, path)["surprise"] = 1
    assert "surprise" in _refused(changed, tmp_path)


@pytest.mark.parametrize("path", TABLES, ids=lambda path: ".".join(map(str, path)) or "top")
def test_a_value_of_another_type_is_refused(path: tuple[Any, ...], tmp_path: Path) -> None:
    for key in _at(content(), path):
        changed = deepcopy(content())
        _at(changed, path)[key] = {"not": ["a", "field"]}
        if key not in OPEN:
            assert key in _refused(changed, tmp_path)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("verdict", "status"), "passed", "perhaps you meant 'pass'"),
        (("verdict", "finding"), "robust", "unknown finding 'robust'"),
        (("results", 0, "better"), "up", "unknown direction 'up'"),
        (("flags", 0, "severity"), "fatal", "unknown severity 'fatal'"),
        (("threats", 0, "name"), "l0", "unknown threat 'l0'"),
        (("classifier", "reads"), "pixels", "unknown input of a classifier 'pixels'"),
        (("schema_version",), 2, "schema_version 2, this version reads 1"),
        (("schema_version",), None, "schema_version None"),
    ],
)
def test_a_word_or_version_that_is_unknown_is_refused(
    path: tuple[Any, ...], value: Any, expected: str, tmp_path: Path
) -> None:
    changed = deepcopy(content())
    _at(changed, path[:-1])[path[-1]] = value
    assert expected in _refused(changed, tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"schema_version": 1}', '{"schema_ver'])
def test_a_file_that_is_no_audit_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_text(text)
    with pytest.raises(ArtifactError) as caught:
        read_audit(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"audit\.json is missing"):
        read_audit(tmp_path / "audit.json")
