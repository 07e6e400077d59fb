"""Makes the pictures of the tutorials: 200 faces that the models of the zoo were not trained on.

python -m docs.figures.faces ICT-FACEKIT
"""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from docs.figures.style import DOCS
from PIL import Image

from seatbelt_vae import load_data

COUNT = 200


def main(root: Path) -> None:
    """Write an archive of held-out images in the order of the test split."""
    data = load_data("faces", root)
    chosen = np.sort(np.random.default_rng(0).permutation(len(data.test))[:COUNT])
    low, high = data.bounds
    images = ((data.test.batch(chosen) - low) / (high - low) * 255).round().byte().numpy()[:, 0]
    with zipfile.ZipFile(DOCS / "tutorials" / "faces.zip", "w", zipfile.ZIP_STORED) as archive:
        for number, image in enumerate(images):
            png = io.BytesIO()
            Image.fromarray(image).save(png, "PNG", optimize=True)
            # a fixed date, so that the same images give the same bytes
            entry = zipfile.ZipInfo(f"face-{number:03d}.png", (2026, 1, 1, 0, 0, 0))
            archive.writestr(entry, png.getvalue())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
