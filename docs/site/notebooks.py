"""Notebooks as Markdown, with their stored outputs."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

__all__ = ["as_markdown"]


def as_markdown(notebook: str, name: str) -> str:
    """A page of a notebook, with a link to download it below the first title.

    Args:
        notebook: content of the file: JSON of nbformat 4.
        name: name of the file.
    """
    cells = json.loads(notebook)["cells"]
    title, _, rest = "".join(cells[0]["source"]).partition("\n")
    parts = [title, f"*Download as a notebook: {{download}}`{name}`.*", rest]
    for cell in cells[1:]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        parts += (part for output in cell.get("outputs", ()) for part in _output(output))
    return "\n\n".join(parts)


def _output(output: Mapping[str, Any]) -> Iterator[str]:
    """Printed text, or a picture; other forms of an output are left out."""
    data = output.get("data", {})
    text = "".join(output.get("text", ()))
    if "image/png" in data:
        picture = "".join(data["image/png"]).replace("\n", "")
        yield f'<img class="output" alt="" src="data:image/png;base64,{picture}">'
    elif text and output.get("name") == "stdout":
        yield f'<pre class="output">{escape(text)}</pre>'
