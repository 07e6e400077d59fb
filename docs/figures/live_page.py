"""Makes the picture of the live page: two models of the zoo under the same attack.

python -m docs.figures.live_page
"""

import base64
import tempfile
from pathlib import Path

from docs.figures.style import DOCS
from tests.browser.visitor import Visitor, chromium, served

__all__ = ["main"]

WIDTH, SECONDS = 1280, 200


def main() -> None:
    """Attack in a headless browser, and store the page at its end."""
    targets = "zoo:faces-vae", "zoo:faces-denoising"
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), *targets) as address,
        chromium() as driver,
    ):
        page = Visitor(driver, address)
        page.press("single")
        page.begin()
        page.end(seconds=SECONDS)
        page.run("document.activeElement.blur()")
        height = page.run("document.documentElement.scrollHeight")
        page.size(WIDTH, height)
        shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        (DOCS / "how-to" / "live-page.png").write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    main()
