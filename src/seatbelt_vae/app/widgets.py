"""Components of the page that gradio lacks: a picker of pictures, and a slider over levels."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from torch import Tensor

from seatbelt_vae.app.lazy_gradio import gr
from seatbelt_vae.app.pictures import picture_uri

__all__ = ["HIDDEN", "SHORT", "level_slider", "picker", "picker_value", "slider_value"]

HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Options of every event."""

SHORT: dict[str, Any] = {**HIDDEN, "queue": False}
"""Options of events with one answer.

The queue sends answers in a stream that the browser closes after the last one. An event that is
sent at that moment is answered in a stream that nobody reads, until the next event opens another.
"""


def picker(side: str, legend: str, pictures: Tensor, chosen: int, most_bytes: int) -> Any:
    """Pictures to choose from by mouse or arrow keys, and an upload.

    It triggers ``select`` with an index, or ``upload`` with the content of a file.

    Args:
        side: ``input`` or ``target``.
        legend: its name for the user.
        pictures: shares of black to white, :math:`(N, C, H, W)`.
        chosen: the picture chosen at first.
        most_bytes: larger files are not sent.
    """
    return gr.HTML(
        picker_value(side, legend, pictures, chosen),
        html_template=_read("picker.html"),
        js_on_load=_read("picker.js"),
        most_bytes=most_bytes,
        elem_id=f"{side}-picker",
    )


def picker_value(side: str, legend: str, pictures: Tensor, chosen: int) -> dict[str, Any]:
    """The content of a picker."""
    tiles = [
        {
            "uri": picture_uri(picture),
            "number": number + 1,
            "checked": "checked" if number == chosen else "",
        }
        for number, picture in enumerate(pictures)
    ]
    return {"side": side, "legend": legend, "pictures": tiles}


def level_slider(labels: Sequence[str], name: str, start: int) -> Any:
    """A slider whose position shows one level of the panel in the same ``.levels`` column.

    The browser changes the level alone; the panel holds the pictures of all levels.
    """
    return gr.HTML(
        slider_value(labels, name, start),
        html_template=_read("level_slider.html"),
        js_on_load=_read("level_slider.js"),
    )


def slider_value(labels: Sequence[str], name: str, start: int) -> dict[str, Any]:
    """The content of a slider."""
    return {"labels": list(labels), "name": name, "start": start}


def _read(name: str) -> str:
    return files("seatbelt_vae.app").joinpath(f"templates/{name}").read_text("utf-8")
