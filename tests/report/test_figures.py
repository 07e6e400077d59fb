"""The README's panel: a PNG of the expected size, no global state, clear errors."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.report import attack_panel
from tests.report.synthetic import KINDS, write_trained


def test_a_panel_is_a_png_with_one_row_per_model(demo: list[Path], tmp_path: Path) -> None:
    loaded = "matplotlib.pyplot" in sys.modules
    heights = []
    for count in (1, 3):
        out = attack_panel(demo[:count], tmp_path / "new" / "panel.png", pair=1, epsilon=0.5)
        with Image.open(out) as image:
            assert image.format == "PNG"
            heights.append(image.size[1])
    assert heights[1] > 2 * heights[0]
    assert ("matplotlib.pyplot" in sys.modules) == loaded


def test_missing_pairs_and_budgets_are_named(demo: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "panel.png"
    with pytest.raises(
        ArtifactError, match=r"no picture of pair 5 at budget 0\.2: expected a pair below 5"
    ):
        attack_panel(demo, out, pair=5)
    with pytest.raises(ArtifactError, match=r"a budget of 0\.05, 0\.1, 0\.2, 0\.3, 0\.5"):
        attack_panel(demo, out, epsilon=0.25)
    bare = write_trained(tmp_path / "bare", KINDS["vae"]).path
    with pytest.raises(ArtifactError, match="no measured suite"):
        attack_panel([bare], out)
    assert not out.exists()
