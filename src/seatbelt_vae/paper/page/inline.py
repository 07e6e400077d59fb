"""An SVG file as a part of a page: it follows the page's theme and font, and can be read aloud."""

import re
from pathlib import Path

from markupsafe import Markup

from seatbelt_vae.paper.drawing.style import THEME

__all__ = ["inlined"]

_POINT = 96 / 72
_WIDE = 640
"""Pixels beyond which a drawing wants the page's whole width."""

_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_ROOT = re.compile(r'<svg [^>]*?viewBox="0 0 ([0-9.]+) ([0-9.]+)"[^>]*>')
_NAMED = re.compile(r' id="([^"]*)"')
_POINTED = re.compile(r'(?:url\(|href=")#([^")]+)')
_FONT = re.compile(r" ?font-family: [^;\"]*;?")


def inlined(file: Path, title: str) -> Markup:
    """A drawing of ours as an ``<svg>`` element whose colours are variables of the page.

    Args:
        file: an SVG that `draw` wrote.
        title: what a screen reader says.
    """
    text = file.read_text(encoding="utf-8")
    body = text[text.index("</metadata>") + len("</metadata>") :]
    found = _ROOT.search(text)
    assert found is not None
    width, height = (float(size) for size in found.groups())
    pointed = set(_POINTED.findall(body))
    body = _NAMED.sub(lambda name: name[0] if name[1] in pointed else "", body)
    body = _COLOUR.sub(lambda colour: _variable(colour[0]), _FONT.sub("", body))
    pixels = round(width * _POINT)
    start = Markup(
        '<svg class="drawing{}" viewBox="0 0 {} {}" style="max-width: {}px" role="img" '
        'aria-label="{}" xmlns:xlink="http://www.w3.org/1999/xlink">'
    ).format(" wide" if pixels > _WIDE else "", f"{width:g}", f"{height:g}", pixels, title)
    return start + Markup(body)  # matplotlib has escaped the words in it


def _variable(colour: str) -> str:
    return f"var(--{THEME[colour]})" if colour in THEME else colour
