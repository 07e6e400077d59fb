"""What every page shares: templates that escape all text, and a model's colour and marker."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from seatbelt_vae.report.svg import MARKERS
from seatbelt_vae.report.tables import number

__all__ = ["colour", "render_page"]

_SHAPES = {
    "circle": '<circle cx="6" cy="6" r="5"/>',
    "square": '<rect x="1.5" y="1.5" width="9" height="9"/>',
    "triangle": '<path d="M6 .5L11.5 10.5H.5Z"/>',
    "diamond": '<path d="M6 0L12 6L6 12L0 6Z"/>',
}


def render_page(template: str, content: Mapping[str, Any]) -> str:
    """One template with its content; a name that is not given is an error."""
    environment = Environment(
        loader=PackageLoader("seatbelt_vae.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.globals["colour"] = colour
    environment.globals["marker"] = _marker
    return environment.get_template(template).render(content)


def colour(index: int) -> str:
    """The class of a model's colour."""
    return f"m{index % 6}"


def _marker(index: int, css: str = "solid") -> Markup:
    """A model's marker as a tiny picture, for legends and headings."""
    start = Markup('<svg class="key {} {}" viewBox="0 0 12 12" aria-hidden="true">')
    shape = _SHAPES[MARKERS[index % len(MARKERS)]]
    return start.format(css, colour(index)) + Markup(shape) + Markup("</svg>")
