"""The working folder of a reader: pictures, a model, rows, runs and audits that pages name."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from seatbelt_vae.cli import main
from tests.auditing.stored_audit import write_audited
from tests.documentation.blocks import at_smoke_size
from tests.subjects.test_vectors import MODEL, table

__all__ = ["DOCS", "ROOT", "write_files", "write_runs"]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

MY_VAE = """from seatbelt_vae import open_subject


def load():
    return open_subject("zoo:faces-vae").model
"""


def write_files(folder: Path) -> None:
    """Write 40 pictures of the tutorials, arrays, rows, models, audits, and the committed rows."""
    with (
        zipfile.ZipFile(DOCS / "tutorials" / "faces.zip") as every,
        zipfile.ZipFile(folder / "faces.zip", "w") as few,
    ):
        for name in every.namelist()[:40]:
            few.writestr(name, every.read(name))
        every.extractall(folder / "photos", every.namelist()[:40])
    (folder / "my_vae.py").write_text(MY_VAE, encoding="utf-8")
    (folder / "vae.py").write_text(MODEL, encoding="utf-8")
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32), np.uint8)
    np.savez(folder / "images.npz", images=images)
    rows = table().numpy()
    np.save(folder / "rows.npy", rows)
    columns = {f"x{n}": column for n, column in enumerate(rows.T)}
    pyarrow.parquet.write_table(pa.table(columns), folder / "rows.parquet")
    for name in ("before", "after"):
        audit = write_audited(folder / "audits" / name / "audit")
    shutil.copy(audit / "audit.json", folder)
    (folder / "docs").symlink_to(DOCS)
    (folder / "rows").symlink_to(DOCS / "reproduction" / "small" / "rows")


def write_runs(folder: Path) -> None:
    """Train and attack ``belt`` in the folder of runs."""
    belt = str(folder / "belt")
    network = "--preset seatbelt --depth 2 --filters 4 4 8 8 --features 16 --hierarchy-widths 16 16"
    assert main(at_smoke_size(["train", belt, *network.split()])) == 0
    assert main(at_smoke_size(["attack", belt, "--loss", "output-l2", "--threat", "l2"])) == 0
