"""The tab of stored attacks: a suite, a pair, and a slider over its levels."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from seatbelt_vae.app.sentences import sentence_of
from seatbelt_vae.app.stored_rows import StoredRun
from seatbelt_vae.app.widgets import level_slider, slider_value
from seatbelt_vae.errors import SeatbeltError

__all__ = ["stored_tab"]


def stored_tab(stored: Mapping[str, StoredRun]) -> None:
    """Add the controls and the panel of stored attacks to the page that is being built."""
    first = next(iter(stored))
    suites = list(stored[first].suites)
    with gr.Row():
        folder = gr.Dropdown(
            list(stored), value=first, label="Folder", visible=len(stored) > 1, filterable=False
        )
        suite = gr.Dropdown(suites, value=suites[0], label="Suite", filterable=False)
        pairs = stored[first].pairs(suites[0])
        pair = gr.Dropdown(
            [(f"pair {number + 1}", number) for number in pairs],
            value=pairs[0],
            label="Pair",
            filterable=False,
        )
        kinds = stored[first].rows(suites[0])
        rows = gr.Radio(list(kinds), value=kinds[-1], label="Rows")
    with gr.Column(elem_classes="levels"):
        slider = level_slider([""], "", 0)
        notice = gr.HTML("", elem_classes="notice")
        panel = gr.HTML("", elem_id="stored-panel")

    def of_folder(name: str) -> tuple[Any, Any, Any]:
        return of_suite(name, next(iter(stored[name].suites)))

    def of_suite(name: str, chosen: str) -> tuple[Any, Any, Any]:
        run = stored[name]
        numbers, found = run.pairs(chosen), run.rows(chosen)
        choices = [(f"pair {number + 1}", number) for number in numbers]
        return (
            gr.update(choices=list(run.suites), value=chosen),
            gr.update(choices=choices, value=numbers[0]),
            gr.update(choices=list(found), value=found[-1]),
        )

    def show(name: str, chosen: str, number: int, kind: str) -> tuple[Any, Any, Any]:
        try:
            shown = stored[name].shown(chosen, number, kind)
        except SeatbeltError as error:
            return "", gr.skip(), sentence_of(error)
        return shown.panel, slider_value(shown.labels, shown.name, shown.start), ""

    chosen = [folder, suite, pair, rows]
    hidden: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    folder.input(of_folder, folder, [suite, pair, rows], **hidden).then(
        show, chosen, [panel, slider, notice], **hidden
    )
    suite.input(of_suite, [folder, suite], [suite, pair, rows], **hidden).then(
        show, chosen, [panel, slider, notice], **hidden
    )
    for control in (pair, rows):
        control.input(show, chosen, [panel, slider, notice], **hidden)
    context = gr.context.Context.root_block
    context.load(show, chosen, [panel, slider, notice], **hidden)
