"""Write the output of every query of docs/reproduction_numbers.md below it.

python docs/query_outputs.py     # after rows or queries were changed
"""

import contextlib
import io
import os
import re
import shlex
from pathlib import Path
from unittest import mock

from seatbelt_vae.cli import main

PAGE = Path(__file__).with_name("reproduction_numbers.md")

_BLOCK = re.compile(
    r"(?P<query>```(?P<language>bash|python)\n(?P<text>(?:(?!```).)*)```\n\n```text\n).*?(?P<end>```)",
    re.DOTALL,
)


def with_outputs(page: str) -> str:
    """The page with the outputs of all queries made anew."""
    width = mock.patch.dict(os.environ, COLUMNS="115")
    with width, contextlib.chdir(PAGE.parents[1]):
        return _BLOCK.sub(lambda block: block["query"] + _output(block) + block["end"], page)


def _output(block: re.Match[str]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        if block["language"] == "python":
            exec(compile(block["text"], PAGE.name, "exec"), {})
        else:
            program, *arguments = shlex.split(block["text"])
            if program != "seatbelt-vae" or main(arguments):
                raise SystemExit(f"expected a query that succeeds:\n{block['text']}")
    return "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())


if __name__ == "__main__":
    PAGE.write_text(with_outputs(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
