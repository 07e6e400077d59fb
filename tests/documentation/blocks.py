"""Code blocks of a page or notebook, and its commands at a size that takes seconds."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

__all__ = [
    "Block",
    "at_smoke_size",
    "blocks",
    "commands",
    "small_commands",
    "small_grid",
    "small_python",
    "text_of",
]

_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_FILE = re.compile(r"# (\w+\.\w+)\n")

_TRAINING = {"--steps": "2", "--batch-size": "8", "--images": "32"}
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
max_evaluations = 2
restarts = 0
recheck = 0.0
gradient_free = 0"""
_OF_GRIDS = {
    '["vae", "beta-tcvae"]': '["vae"]',
    '["beta-tcvae", "seatbelt"]': '["beta-tcvae"]',
    "[1, 4, 10]": "[4]",
    "[0, 1]": "[0]",
    "[0, 1, 2]": "[0]",
    "pairs = 10": _SMALL_ATTACK,
    "pairs = 20": _SMALL_ATTACK,
    "images = 500": "images = 20\niwae_draws = 2\naggregate_images = 20",
    '"latent-kl"\n\n[[attack': f'"latent-kl"\n{_SMALL_ATTACK}\n\n[[attack',
}
_OF_COMMANDS = {
    "--data faces --root FOLDER": "",  # faces may not be here
    "--downstream-factor lighting": "--downstream-factor shape",
    "--downstream-images 60 --downstream-evaluations 60": "--downstream-images 6",
    "beta=1,2,4,8,16": "beta=1,4",
    "seed=0,1": "seed=0",
}

_SMALL_AUDIT = """AuditConfig(
    pairs=1, effort=0.001, budgets=(0.2,), linf_budgets=(8,), losses=("output-l2",), gradient_free=0
)"""
_OF_PYTHON = {
    "AuditConfig(pairs=20)": _SMALL_AUDIT,
    "images[:4], images[4:]": "images[:1], images[1:2]",
    "margins(model, images,": "margins(model, images[:1],",
    "PAIRS = 4 ": "PAIRS = 1 ",
    "PAIRS = 6 ": "PAIRS = 1 ",
    "STEPS = 300 ": "STEPS = 2 ",
    "import AttackConfig, EvaluationConfig, Job,": (
        "import AttackConfig, DataConfig, EvaluationConfig, Job, TrainingConfig,"
    ),
    "RunConfig(objective": (
        'RunConfig(data=DataConfig("dsprites", images=80), '
        "training=TrainingConfig(steps=2, batch_size=8), objective"
    ),
    "(AttackConfig(),), EvaluationConfig()": "(), EvaluationConfig(images=20, iwae_draws=2)",
    "AttackConfig(loss": f"AttackConfig({_SMALL_ATTACK.replace(chr(10), ', ')}, loss",
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
        # a command after && begins anew
        yield from (list(part) for is_and, part in groupby(words, "&&".__eq__) if not is_and)


def at_smoke_size(words: Sequence[str]) -> list[str]:
    """The arguments of ``seatbelt-vae`` with small values of the flags that take time."""
    verb, *rest = words
    small = {} if "--resume" in words else dict(_SMOKE.get(verb, {}))
    if verb == "attack" and not {"l2", "linf"} & set(words):
        del small["--budgets"]
        small["--weight-count"] = "2"
    kept, dropping = [verb], False
    for word in rest:
        if word.startswith("--"):
            dropping = word in small or word in _DROPPED
        if not dropping:
            kept.append(word)
    return [*kept, *(word for flag in small.items() for word in flag)]


def small_commands(text: str) -> str:
    """Commands with few runs, of the default data set where it is another one than yours."""
    return _replaced(re.sub(r"\\\n *", "", text), _OF_COMMANDS)


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
