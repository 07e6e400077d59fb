"""A study of synthetic runs, as a user's folder might hold them."""

from pathlib import Path

import pytest

from seatbelt_vae.config import AttackConfig, DataConfig, ModelConfig, RunConfig
from seatbelt_vae.results import Store
from seatbelt_vae.runs import RunFolder, write_rows
from tests.report.synthetic import KINDS, write_demo, write_evaluation, write_suite, write_trained

HOSTILE = 'it\'s "q" β=1 [x]*?;-- ü\u0301\U0001f47e'
"""A folder name with special characters of SQL and of glob patterns."""

PAIRS = 2


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished and unfinished runs at several depths, and leftovers of a killed process."""
    root = tmp_path_factory.mktemp("a study")
    write_demo(root, PAIRS)
    hostile = write_trained(root / "sub" / HOSTILE, KINDS["vae"])
    write_suite(hostile, KINDS["vae"], PAIRS)
    paper = AttackConfig(strength="paper", weights="published", pairs=PAIRS)
    write_suite(hostile, KINDS["vae"], PAIRS, paper)
    write_evaluation(hostile, KINDS["vae"])
    write_rows(hostile.path / "evaluation" / "extras.parquet", [{"image": 1, "z": [0.5, -0.5]}])
    settings = RunConfig(DataConfig("dsprites"), ModelConfig("seatbelt", depth=3))
    RunFolder.create(root / "begun", settings)
    odd = root / "seatbelt" / "evaluation" / f"{HOSTILE}.parquet"
    write_rows(odd, [{'what is "it\'s"?': 1}])
    _litter(root)
    return root


def _litter(root: Path) -> None:
    """Incomplete files with their temporary names."""
    suite = root / "vae" / "attacks" / "latent-kl-strong"
    for place in (
        suite,
        suite / "pairs",
        root / "vae" / "metrics",
        root / "vae" / "evaluation",
    ):
        (place / ".pair-00007.parquet.99.tmp").write_bytes(b"PAR1 half")
        (place / ".pair-00008.parquet").write_bytes(b"PAR1 half")
    (suite / "notes.parquet").write_bytes(b"of somebody else")
    (root / ".shared.99.tmp").mkdir()
    (root / ".shared.99.tmp" / "run.json").write_text("{")
    (root / "vae" / "attacks" / ".new.99.tmp").mkdir()
    (root / "vae" / "attacks" / ".new.99.tmp" / "suite.json").write_text("{")


@pytest.fixture(scope="session")
def store(study: Path) -> Store:
    """The study's store."""
    return Store.open([study])
