"""A figure as an SVG file, and as an inline element with the theme and font of its page."""

import io
import re
import warnings
from collections.abc import Mapping, Sequence
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

_SVG = "{http://www.w3.org/2000/svg}"
_SHAPES = (f"{_SVG}use", f"{_SVG}path")
_LEFT_OUT = (f"{_SVG}style", f"{_SVG}desc")
_SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans"]}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_POINTED = re.compile(r"(?:url\(|^)#([^)]+)")
_FONT = re.compile(r" ?font-family: [^;]*;?")
_DIGITS = re.compile(r"-?\d+\.\d{3,}")
_PART = re.compile(r"\d+\.\d+ (.+)")
_LINES = "stroke-linejoin: round; stroke-linecap: butt"
"""Matplotlib's style sheet, inlined because a <style> element would affect the whole page."""

ElementTree.register_namespace("", _SVG[1:-1])
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


def svg(
    figure: Figure, salt: str, description: str = "", attributes: Mapping[str, str] | None = None
) -> bytes:
    """The figure as SVG with text elements, without embedded fonts and date.

    Args:
        figure: the figure; the label of an artist with an id has a tooltip of each shape per line.
        salt: makes ids unique among the figures of a page.
        description: text of a ``<desc>`` element; empty for none.
        attributes: further attributes of the root.
    """
    buffer = io.BytesIO()
    with mpl.rc_context(_SETTINGS | {"svg.hashsalt": salt}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the page has its own font
        figure.savefig(buffer, format="svg", metadata=_NO_METADATA, dpi=144)
    root = ElementTree.fromstring(buffer.getvalue())
    marks = {artist.get_gid(): str(artist.get_label()) for artist in figure.findobj()}
    for element in root.iter():
        if (name := element.get("id", "")) in marks:
            _add_titles(element, marks[name].split("\n"))
    root.attrib.update(attributes or {})
    if description:
        about = Element(f"{_SVG}desc")
        about.text = description
        root.insert(0, about)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def inlined(drawing: bytes, title: str) -> Markup:
    """A figure as an ``<svg>`` element whose colours are CSS variables of the page.

    The id ``"<axes>.<number> <part>"`` of a mark becomes the attribute ``data-part``.

    Args:
        drawing: the output of `svg`.
        title: accessible name of the figure.
    """
    root = ElementTree.fromstring(drawing)
    for element in root.iter():
        _simplify(element)
    values = [value for element in root.iter() for value in element.attrib.values()]
    pointed = {name for value in values for name in _POINTED.findall(value)}
    for element in root.iter():
        name = element.get("id", "")
        if name not in pointed:
            element.attrib.pop("id", None)
        if part := _PART.fullmatch(name):
            element.set("data-part", part[1])
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
    """Remove namespaces, descriptions, fonts, whitespace and digits below screen resolution."""
    element.tag = element.tag.split("}")[-1]
    element.tail = None
    if element.tag not in ("text", "tspan", "title"):
        element.text = None
    for child in list(element):
        if child.tag in _LEFT_OUT:
            element.remove(child)
    found = {name.split("}")[-1]: value for name, value in element.attrib.items()}
    for name in found.keys() & {"d", "x", "y"}:
        short = _DIGITS.sub(lambda number: f"{float(number[0]):.2f}", found[name])
        found[name] = " ".join(short.split())
    if "style" in found:
        found["style"] = _COLOUR.sub(_variable, _FONT.sub("", found["style"]))
    element.attrib = found


def _add_titles(group: Element, titles: Sequence[str]) -> None:
    hidden = {shape for defs in group.iter(f"{_SVG}defs") for shape in defs.iter()}
    shapes = [e for e in group.iter() if e.tag in _SHAPES and e not in hidden]
    styles = {shape.get("style", "") for shape in shapes}
    if len(styles) == 1 and len(shapes) > 1:  # a shared style is written once, for small files
        group.set("style", styles.pop())
        for shape in shapes:
            shape.attrib.pop("style", None)
    for shape, title in zip(shapes, filter(None, titles), strict=False):
        ElementTree.SubElement(shape, f"{_SVG}title").text = title


def _variable(colour: re.Match[str]) -> str:
    return f"var(--{THEME[colour[0]]})" if colour[0] in THEME else colour[0]
