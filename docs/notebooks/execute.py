"""Run the notebooks from top to bottom, and store their outputs in them.

pip install nbclient ipykernel
python docs/notebooks/execute.py
"""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent


def execute(notebook: Path) -> None:
    """Run one notebook in a folder with the pictures; the file is changed only at the end."""
    content = nbformat.read(notebook, as_version=4)
    with TemporaryDirectory() as folder:
        shutil.copy(HERE.parent / "tutorials" / "faces.zip", folder)
        resources = {"metadata": {"path": folder}}
        NotebookClient(content, timeout=3600, resources=resources).execute()
    for cell in content.cells:
        cell.metadata.pop("execution", None)  # times of day
        if cell.cell_type == "code":  # warnings of this machine
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    nbformat.write(content, notebook)


if __name__ == "__main__":
    chosen = map(Path, sys.argv[1:]) if sys.argv[1:] else sorted(HERE.glob("*.ipynb"))
    for path in chosen:
        execute(path)
