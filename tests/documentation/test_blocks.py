"""Every block of the README, the notebooks and the site runs.

Of all documents, every command parses, and every imported name of this package exists.
"""

import ast
import importlib
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from seatbelt_vae.cli import main
from seatbelt_vae.cli.parsing import parse
from tests.documentation.blocks import (
    Block,
    at_smoke_size,
    blocks,
    commands,
    small_commands,
    small_grid,
    small_python,
    text_of,
)
from tests.documentation.reader import DOCS, ROOT, write_files, write_runs

NOTEBOOKS = sorted(DOCS.glob("notebooks/*.ipynb"))
PAGES = [
    page for kind in ("tutorials", "how-to", "explanation") for page in DOCS.glob(f"{kind}/*.md")
]
GUIDES = sorted(DOCS.glob("*.md"))
WITH_OUTPUTS = DOCS / "reproduction_numbers.md"  # run by tests/paper/test_committed.py
DOCUMENTS = [*ROOT.glob("*.md"), *GUIDES, *PAGES, *NOTEBOOKS]
OTHER_PROGRAMS = {"pip", "make"}
OF_A_TRAINED_RUN = {"attacks", "rows"}
NOT_RUN = {
    *("needs several machines", "needs SLURM", "needs a GPU"),
    *("serves until it is stopped", "needs a download", "needs a download of the page"),
    "takes hours; tests of the paper run it at size smoke",
}


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished audits of models of the zoo, which several pages repeat."""
    return tmp_path_factory.mktemp("audits")


@pytest.fixture
def folder(tmp_path: Path, audits: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The working folder of a reader."""
    write_files(tmp_path)
    shutil.copytree(audits, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("faces-vae", "faces-denoising"):
        if (tmp_path / "runs" / name / "audit" / "audit.json").exists():
            shutil.copytree(tmp_path / "runs" / name, audits / name, dirs_exist_ok=True)
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(vars(module).get("__file__")):
            del sys.modules[name]


def run_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    program, *arguments = words
    if program == "make":
        assert re.search(rf"(?m)^{arguments[0]}:", (ROOT / "Makefile").read_text(encoding="utf-8"))
    if program in OTHER_PROGRAMS:
        return
    assert program == "seatbelt-vae"
    arguments = [part for word in arguments for part in _matches(word)]
    code = main(at_smoke_size(arguments))
    _, err = capsys.readouterr()
    assert code in ((0, 1, 2) if arguments[0] == "audit" else (0,)), err
    assert "error" not in err


def _matches(word: str) -> list[str]:
    """The paths that a pattern stands for, as a shell finds them."""
    return ("*" in word and sorted(map(str, Path().glob(word)))) or [word]


def run_block(block: Block, names: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    if block.file is not None:
        text = small_grid(block.text) if block.language == "toml" else block.text
        Path(block.file).write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
    elif block.language == "python":
        exec(compile(small_python(block.text), "block", "exec"), names)
    elif block.language == "bash":
        for words in commands(small_commands(block.text)):
            run_command(words, capsys)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "page",
    [page for page in (ROOT / "README.md", *GUIDES, *PAGES, *NOTEBOOKS) if page != WITH_OUTPUTS],
    ids=lambda page: page.stem,
)
def test_every_block_runs(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = SimpleNamespace(Image=lambda path, **_: Image.open(path).verify())
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    if page.stem in OF_A_TRAINED_RUN:
        write_runs(Path("runs"))
    names: dict[str, object] = {}
    for block in blocks(text_of(page)):
        assert block.language in ("bash", "python", "text", "toml", "yaml", "raw")
        if block.why_not is None:
            run_block(block, names, capsys)
        else:
            assert block.why_not in NOT_RUN


def documented_commands(text: str) -> Iterator[list[str]]:
    """The commands of this program in fenced and indented blocks."""
    fenced = re.findall(r"(?ms)^```(?:bash|sh)?\n(.*?)^```", text)
    indented = re.findall(r"(?m)(?:^    .*\n)+", re.sub(r"(?ms)^```.*?^```", "", text))
    for block in (*fenced, *indented):
        for words in commands(re.sub("(?m)^    ", "", block)):
            if words[0] == "seatbelt-vae":
                yield words[1:]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_parses(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    grid = re.search(r"(?s)```toml\n(.*?)```", (DOCS / "sweeps.md").read_text(encoding="utf-8"))
    assert grid
    for name in ("betas.toml", "grid.toml"):
        Path(name).write_text(grid[1], encoding="utf-8")
    for words in documented_commands(text_of(document)):
        end = next((k for k, word in enumerate(words) if word in ("&&", ";", "|", ">")), len(words))
        parse([word for word in words[:end] if word != "--resume"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_import_of_this_package_exists(document: Path) -> None:
    for block in blocks(text_of(document)):
        if block.language == "toml":
            tomllib.loads(block.text)
        if block.language != "python":
            continue
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seatbelt_vae"):
                module = importlib.import_module(node.module or "")
                assert [each.name for each in node.names if not hasattr(module, each.name)] == []
