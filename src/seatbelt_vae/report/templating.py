"""Renders HTML templates with escaped text, model colours and model markers."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from seatbelt_vae.report.drawing.style import MARKERS, SERIES
from seatbelt_vae.report.tables import number

__all__ = ["colour", "render_page"]

_NO_FILTERS: Mapping[str, Callable[..., Any]] = MappingProxyType({})
_SHAPES = {
    "o": '<circle cx="6" cy="6" r="5"/>',
    "s": '<rect x="1.5" y="1.5" width="9" height="9"/>',
    "^": '<path d="M6 .5L11.5 10.5H.5Z"/>',
    "D": '<path d="M6 0L12 6L6 12L0 6Z"/>',
}


def render_page(
    template: str,
    content: Mapping[str, Any],
    *,
    package: str = "seatbelt_vae.report",
    filters: Mapping[str, Callable[..., Any]] = _NO_FILTERS,
) -> str:
    """Render one template; an undefined name is an error.

    Args:
        template: file name of the template.
        content: its variables.
        package: the package of the template, which may include templates of a report.
        filters: further filters.
    """
    loaders = [PackageLoader(name) for name in dict.fromkeys((package, "seatbelt_vae.report"))]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, **filters}
    environment.globals["colour"] = colour
    environment.globals["marker"] = _marker
    return environment.get_template(template).render(content)


def colour(index: int) -> str:
    """The CSS class of a model's colour."""
    return f"m{index % len(SERIES)}"


def _marker(index: int, css: str = "solid") -> Markup:
    """A model's marker as inline SVG, for legends and headings."""
    start = Markup('<svg class="key {} {}" viewBox="0 0 12 12" aria-hidden="true">')
    shape = _SHAPES[MARKERS[index % len(MARKERS)]]
    return start.format(css, colour(index)) + Markup(shape) + Markup("</svg>")
