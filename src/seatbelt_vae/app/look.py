"""The look of the page: the colours and the font of the reports, as a theme of gradio."""

import re
from importlib.resources import files
from typing import Any

__all__ = ["stylesheet", "theme"]

_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
_MONOSPACED = ["ui-monospace", "Menlo", "Consolas", "monospace"]
_LEVELS = 64
_COLOURS = re.compile(r"(?s)^:root \{\n  color-scheme.*?\n(.*?)^\}", re.MULTILINE)

_SET = {
    "body_background_fill": "page",
    "body_text_color": "ink",
    "body_text_color_subdued": "muted",
    "background_fill_primary": "page",
    "background_fill_secondary": "sunken",
    "block_background_fill": "page",
    "block_border_color": "line",
    "block_label_text_color": "ink",
    "block_title_text_color": "ink",
    "block_info_text_color": "muted",
    "border_color_primary": "line",
    "border_color_accent": "link",
    "color_accent_soft": "sunken",
    "input_background_fill": "surface",
    "input_border_color": "line",
    "input_border_color_focus": "link",
    "input_placeholder_color": "muted",
    "checkbox_background_color": "surface",
    "checkbox_background_color_selected": "link",
    "checkbox_border_color": "muted",
    "checkbox_border_color_selected": "link",
    "checkbox_label_background_fill": "surface",
    "checkbox_label_background_fill_hover": "sunken",
    "checkbox_label_background_fill_selected": "sunken",
    "checkbox_label_border_color": "line",
    "checkbox_label_text_color": "ink",
    "checkbox_label_text_color_selected": "ink",
    "button_primary_background_fill": "ink",
    "button_primary_background_fill_hover": "link",
    "button_primary_text_color": "page",
    "button_primary_border_color": "ink",
    "button_secondary_background_fill": "surface",
    "button_secondary_background_fill_hover": "sunken",
    "button_secondary_text_color": "ink",
    "button_secondary_border_color": "line",
    "link_text_color": "link",
    "error_background_fill": "bad-back",
    "error_border_color": "bad",
    "error_text_color": "bad",
}
"""The colour of the reports for each variable of the theme, the same name in light and dark."""


def theme() -> Any:
    """The theme; fonts of the system, so that nothing is loaded from elsewhere."""
    from gradio.themes import Base

    both = {name: f"var(--{colour})" for name, colour in _SET.items()}
    dark = {f"{name}_dark": colour for name, colour in both.items()}
    return Base(font=_FONTS, font_mono=_MONOSPACED).set(
        **both,
        **dark,
        block_border_width="0px",
        block_padding="0px",
        block_shadow="none",
        input_border_width="1px",
        checkbox_label_border_width="1px",
        checkbox_label_padding="0.3rem 0.6rem",
        checkbox_label_gap="0.35rem",
        block_label_text_weight="600",
        block_title_text_weight="600",
        layout_gap="1rem",
    )


def stylesheet() -> str:
    """The style sheet of the page, with the colours of the reports in light and dark."""
    report = files("seatbelt_vae.report").joinpath("templates/report.css").read_text("utf-8")
    colours = _COLOURS.search(report)
    assert colours is not None
    own = files("seatbelt_vae.app").joinpath("templates/app.css").read_text("utf-8")
    shown = ",\n".join(f'[data-shown="{k}"] .budget-{k}' for k in range(_LEVELS))
    return f":root {{\n{colours[1]}}}\n{own}\n{shown} {{ display: revert !important }}\n"
