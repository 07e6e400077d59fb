"""No function of the package has more than 50 lines, and no file more than 300."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src"


def too_long(text: str) -> Iterator[str]:
    if (lines := len(text.splitlines())) > 300:
        yield f"{lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > 50:
                yield f"{node.name}: {lines} lines"


def test_files_and_functions_are_short() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 100
    assert [f"{file}: {found}" for file in files for found in too_long(file.read_text())] == []


def test_long_files_and_functions_are_found() -> None:
    assert list(too_long("def short():\n" + "    x = 1\n" * 49)) == []
    assert list(too_long("def long():\n" + "    x = 1\n" * 50)) == ["long: 51 lines"]
    assert list(too_long("x = 1\n" * 301)) == ["301 lines"]
