"""A figure as an SVG file, and as an inline element with the theme and font of its page."""

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from seatbelt_vae.report.drawing.style import THEME

__all__ = ["inlined", "svg"]

_POINT = 96 / 72
_WIDE = 640
"""Width in pixels above which a figure spans the page."""

_NO_TITLES: Mapping[str, Sequence[str]] = MappingProxyType({})
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_POINTED = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r" ?font-family: [^;]*;?")
_DIGITS = re.compile(r"-?\d+\.\d{3,}")
_PART = re.compile(r"\d+\.\d+ (.+)")
_LINES = "stroke-linejoin: round; stroke-linecap: butt"
"""Matplotlib's style sheet, inlined because a <style> element would affect the whole page."""


def svg(figure: Figure, salt: str) -> bytes:
    """The figure as SVG with text elements, without embedded fonts and date.

    Args:
        figure: the figure.
        salt: makes ids unique among the figures of a page.
    """
    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "font.sans-serif": ["DejaVu Sans"],
    }
    buffer = io.BytesIO()
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the page has its own font
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, dpi=144)
    return buffer.getvalue()


def inlined(drawing: bytes, title: str, titles: Mapping[str, Sequence[str]] = _NO_TITLES) -> Markup:
    """A figure as an ``<svg>`` element whose colours are CSS variables of the page.

    Args:
        drawing: the output of `svg`.
        title: accessible name of the figure.
        titles: tooltips of the shapes of each artist in drawing order, by the artist's id
            ``"<axes>.<number> <part>"``. The part becomes the attribute ``data-part``.
    """
    root = ElementTree.fromstring(drawing)
    for element in root.iter():
        _simplify(element)
    pointed = {name for element in root.iter() for name in _pointed(element)}
    for element in root.iter():
        name = element.get("id", "")
        if name not in pointed:
            element.attrib.pop("id", None)
        if part := _PART.fullmatch(name):
            element.set("data-part", part[1])
            _add_titles(element, titles.get(name, ()))
    width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
    root.attrib = {
        "class": "drawing wide" if width * _POINT > _WIDE else "drawing",
        "viewBox": f"0 0 {width:g} {height:g}",
        "style": f"--width: {round(width * _POINT)}px; {_LINES}",
        "role": "img",
        "aria-label": title,
    }
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # ElementTree escapes all text


def _simplify(element: Element) -> None:
    """Remove namespaces, metadata, fonts, whitespace and digits below screen resolution."""
    element.tag = element.tag.split("}")[-1]
    element.tail = None
    if element.tag not in ("text", "tspan"):
        element.text = None
    for child in list(element):
        if child.tag.endswith(("}metadata", "}style")):
            element.remove(child)
    found = {name.split("}")[-1]: value for name, value in element.attrib.items()}
    for name in ("d", "x", "y"):
        if name in found:
            found[name] = _DIGITS.sub(lambda number: f"{float(number[0]):.2f}", found[name])
    if "d" in found:
        found["d"] = " ".join(found["d"].split())
    if "style" in found:
        found["style"] = _COLOUR.sub(_variable, _FONT.sub("", found["style"]))
    element.attrib = found


def _pointed(element: Element) -> list[str]:
    """The ids that an element refers to."""
    return [
        *_POINTED.findall(" ".join(element.attrib.values())),
        *([element.attrib["href"][1:]] if element.get("href", "").startswith("#") else []),
    ]


def _add_titles(group: Element, titles: Sequence[str]) -> None:
    hidden = {shape for defs in group.iter("defs") for shape in defs.iter()}
    shapes = [e for e in group.iter() if e.tag in ("use", "path") and e not in hidden]
    styles = {shape.get("style", "") for shape in shapes}
    if len(styles) == 1 and len(shapes) > 1:  # a shared style is written once, for small files
        group.set("style", styles.pop())
        for shape in shapes:
            shape.attrib.pop("style", None)
    for shape, title in zip(shapes, titles, strict=False):
        ElementTree.SubElement(shape, "title").text = title


def _variable(colour: re.Match[str]) -> str:
    return f"var(--{THEME[colour[0]]})" if colour[0] in THEME else colour[0]
