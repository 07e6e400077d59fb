"""Text of a page before it is parsed: generated parts are put in, and math is made readable.

``<!-- generated: NAME ARGUMENT … -->`` on a line of its own is replaced with the Markdown of
`GENERATORS[NAME]`.
"""

import re
from collections.abc import Callable

from docs.site import api, commands, flags, notebooks, schema
from sphinx.application import Sphinx

__all__ = ["GENERATORS", "on_source_read", "with_generated_parts"]

GENERATORS: dict[str, Callable[..., str]] = {
    "api": api.rooms,
    "commands": commands.verbs,
    "flags": flags.sections,
    "schema": schema.sections,
}
_MARKER = re.compile(r"^<!-- generated: (.+) -->$", re.MULTILINE)
_GITHUB_MATH = re.compile(r"\$`(.+?)`\$")
_FLAGS_TABLE = re.compile(r"^\| flag \|(?:.*\n)+?(?=\n|\Z)", re.MULTILINE)


def with_generated_parts(text: str) -> str:
    """The text with every marker replaced."""

    def generated(marker: re.Match[str]) -> str:
        name, *arguments = marker[1].split()
        return GENERATORS[name](*arguments)

    return _MARKER.sub(generated, text)


def on_source_read(_app: Sphinx, page: str, content: list[str]) -> None:
    """Change the text of a page."""
    text = content[0]
    if page.startswith("notebooks/"):
        text = notebooks.as_markdown(text, f"{page.rpartition('/')[2]}.ipynb")
    if page == "flags":  # the table is for readers of the file; the site has a section per flag
        text = _FLAGS_TABLE.sub("<!-- generated: flags -->\n", text)
    content[0] = _GITHUB_MATH.sub(r"$\1$", with_generated_parts(text))
