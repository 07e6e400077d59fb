"""Damaged settings files, and command lines."""

import contextlib
import io
from pathlib import Path

from hypothesis import strategies as st

from seatbelt_vae.cli.parsing import VERBS, parse
from seatbelt_vae.config import AttackConfig, EvaluationConfig, RunConfig, dump_toml, load_toml
from seatbelt_vae.runs import read_settings
from seatbelt_vae.sweep.grid import read_grid

from .conftest import EDITS, Edit, edited, fuzz

GRID = b"""
name = "a"
[vary]
"objective.beta" = [1.0, 2.0]
"training.seed" = [0, 1]
[fixed.data]
name = "dsprites"
"""
FLAGS = """
--preset --depth --beta --steps --epochs --seed --root --data --batch-size --json --device --pairs
--latent-sizes --config --runs --csv --out --export --timeout --loss --layers --threat --among
--budgets --weights --strength --processes --vary --resume --image-size --help --free-bits --size
--download --skip-bad --filters --metrics prepare check list
"""
VALUES = "0 1 -1 1e999 nan inf 1e-9 99999999999999999999 vae linf kl β [] 1,2 a=b = : . /"


def test_settings_files(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"

    def read(drawn: tuple[object, list[Edit]]) -> None:
        kind, edits = drawn
        file.write_bytes(edited(dump_toml(kind()).encode(), edits))
        if kind is RunConfig:
            load_toml(file, kind)
        else:
            read_settings(file, kind)

    kinds = st.sampled_from([RunConfig, AttackConfig, EvaluationConfig])
    fuzz(read, st.tuples(kinds, EDITS))


def test_grids(tmp_path: Path) -> None:
    file = tmp_path / "grid.toml"

    def read(edits: list[Edit]) -> None:
        file.write_bytes(edited(GRID, edits))
        read_grid(file)

    fuzz(read, EDITS)


def test_command_lines() -> None:
    known = st.sampled_from([*VERBS, *FLAGS.split(), *VALUES.split(), ""])
    further = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
    rest = st.lists(known | further, max_size=6)

    def read(arguments: list[str]) -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            parse(arguments)

    fuzz(read, st.builds(lambda verb, words: [verb, *words], st.sampled_from([*VERBS]), rest))
