"""Makes the figures of the tutorials from the folders of two audits of the same images.

python -m docs.figures.tutorials runs/faces-vae/audit runs/faces-denoising/audit
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from docs.figures.style import DOCS, INK, MUTED
from matplotlib.figure import Figure
from torch import Tensor

from seatbelt_vae.auditing.audit_charts import chart_of
from seatbelt_vae.runs import read_rows
from seatbelt_vae.runs.audit_document import AUDIT, read_audit
from seatbelt_vae.runs.tensors import read_tensors

PLACE = DOCS / "tutorials"
BUDGET = "0.2"
COLUMNS = ("input x", "R(x)", "x* at ε = 0.2", "R(x*)", "R(x_t)", "target x_t")


def pictures(folder: Path, pair: int) -> list[Tensor]:
    """Images of one pair in the order of the columns, in [0, 1]."""
    audit = read_audit(folder / AUDIT)
    images = read_tensors(folder / "worst" / f"pair-{pair:05d}.safetensors")
    (place,) = (t.budgets.index(BUDGET) for t in audit.threats if t.name == "l2")
    names = ("x", "reconstruction_x", None, None, "reconstruction_target", "target")
    attacked = iter(("l2_adversarial", "l2_reconstruction"))
    found = [images[next(attacked)][place] if name is None else images[name] for name in names]
    low, high = audit.target.bounds
    return [((image.float() - low) / (high - low)).clamp(0, 1) for image in found]


def draw_pair(folders: Sequence[Path], names: Sequence[str], pair: int, out: Path) -> None:
    """One row per model: clean and attacked images of a pair."""
    figure = Figure(figsize=(7.6, 0.32 + 1.3 * len(folders)), dpi=140)
    top = 1 - 0.3 / figure.get_figheight()
    figure.subplots_adjust(0.13, 0.01, 0.995, top, 0.05, 0.05)
    places = figure.subplots(len(folders), len(COLUMNS), squeeze=False)
    for row, folder, name in zip(places, folders, names, strict=True):
        row[0].text(-0.1, 0.5, name, ha="right", va="center", color=MUTED, fontsize=8,
                    transform=row[0].transAxes)  # fmt: skip
        for axes, image in zip(row, pictures(folder, pair), strict=True):
            axes.imshow(image[0].to(torch.float32), cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
    for axes, title in zip(places[0], COLUMNS, strict=True):
        axes.set_title(title.replace("x_t", "$x_t$"), fontsize=9, color=INK, pad=4)
    figure.savefig(out)


def draw_gap(folder: Path, out: Path) -> None:
    """The chart of the report: the gap against the L2 budget, as an element of a page."""
    worst = read_rows(folder / "worst")
    out.write_text(f"{chart_of(read_audit(folder / AUDIT), worst, 'gap', 'l2')}\n", "utf-8")


def main(plain: Path, defended: Path) -> None:
    """Draw the pair that is weakest in the first audit, and both curves."""
    weak = read_audit(plain / AUDIT).weakest[0].pair
    draw_pair([plain], ["plain"], weak, PLACE / "weakest.png")
    draw_pair([plain, defended], ["plain", "defended"], weak, PLACE / "defended.png")
    for folder, name in ((plain, "plain"), (defended, "defended")):
        draw_gap(folder, PLACE / f"gap-{name}.html")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
