"""Code blocks of a page or notebook, and its commands at a size that takes seconds."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "at_smoke_size", "blocks", "commands", "small_grid", "small_python", "text_of"]

_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_FILE = re.compile(r"# (\w+\.\w+)\n")

_TRAINING = {"--steps": "2", "--batch-size": "8", "--images": "80"}
_SMOKE = {
    "audit": {
        "--pairs": "1",
        "--effort": "0.001",
        "--budgets": "0.2",
        "--linf-budgets": "8",
        "--losses": "output-l2",
        "--gradient-free": "0",
        "--processes": "1",
    },
    "attack": {
        "--pairs": "1",
        "--budgets": "0.2",
        "--max-evaluations": "2",
        "--restarts": "0",
        "--recheck": "0",
        "--gradient-free": "0",
        "--processes": "1",
    },
    "evaluate": {"--images": "20", "--iwae-draws": "2", "--aggregate-images": "20"},
    "train": _TRAINING,
    "sweep": _TRAINING | {"--jobs": "1"},
    "defend": {"--steps": "2", "--batch-size": "4"},
}
_DROPPED = {"--minutes", "--epochs"}
_SMALL_ATTACK = """pairs = 1
budgets = [0.2]
max_evaluations = 2
restarts = 0
recheck = 0.0
gradient_free = 0"""
_OF_GRIDS = {'["vae", "beta-tcvae"]': '["vae"]', "[0, 1]": "[0]", "pairs = 10": _SMALL_ATTACK}

_SMALL_AUDIT = """AuditConfig(
    pairs=1, effort=0.001, budgets=(0.2,), linf_budgets=(8,), losses=("output-l2",), gradient_free=0
)"""
_OF_PYTHON = {
    "AuditConfig(pairs=20)": _SMALL_AUDIT,
    "PAIRS = 4 ": "PAIRS = 1 ",
    "PAIRS = 6 ": "PAIRS = 1 ",
    "STEPS = 300 ": "STEPS = 2 ",
}


def text_of(page: Path) -> str:
    """The text of a page; of a notebook its cells as Markdown, without outputs."""
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        return text
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(text)["cells"]]
    return "\n\n".join(s if kind == "markdown" else f"```python\n{s}\n```" for kind, s in cells)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, text, and why it is not run, if so."""

    language: str
    text: str
    why_not: str | None

    @property
    def file(self) -> str | None:
        """The name of the file that the block is, from its first line."""
        named = _FILE.match(self.text)
        return named[1] if named and self.language in ("python", "toml") else None


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page in order."""
    for found in _FENCE.finditer(page):
        yield Block(found["language"], found["text"], found["why"])


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a shell block."""
    joined, quote = "", ""
    for line in text.replace("\\\n", " ").splitlines():
        joined = f"{joined}\n{line}" if quote else line
        try:
            words = shlex.split(joined, comments=True)
        except ValueError:  # a quotation goes on in the next line
            quote = "open"
            continue
        quote = ""
        if words:
            yield words


def at_smoke_size(words: Sequence[str]) -> list[str]:
    """The arguments of ``seatbelt-vae`` with small values of the flags that take time."""
    verb, *rest = words
    small = _SMOKE.get(verb, {})
    kept, dropping = [verb], False
    for word in rest:
        if word.startswith("--"):
            dropping = word in small or word in _DROPPED
        if not dropping:
            kept.append(word)
    return [*kept, *(word for flag in small.items() for word in flag)]


def small_grid(text: str) -> str:
    """A grid file with one run and one pair."""
    return _replaced(text, _OF_GRIDS)


def small_python(text: str) -> str:
    """Python code with one pair, and few steps."""
    return _replaced(text, _OF_PYTHON)


def _replaced(text: str, values: Mapping[str, str]) -> str:
    for large, small in values.items():
        text = text.replace(large, small)
    return text
