"""The tab of stored attacks: a suite, a pair, and a slider over its levels."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from seatbelt_vae.app.lazy_gradio import gr
from seatbelt_vae.app.sentences import sentence_of
from seatbelt_vae.app.stored_rows import StoredRun
from seatbelt_vae.app.widgets import SHORT, level_slider, slider_value
from seatbelt_vae.errors import SeatbeltError

__all__ = ["stored_tab"]


def stored_tab(stored: Mapping[str, StoredRun]) -> None:
    """Add the controls and the panel of stored attacks to the page that is being built."""
    chosen = _controls(stored)
    with gr.Column(elem_classes="levels"):
        slider = level_slider([""], "", 0)
        notice = gr.HTML("", elem_classes="stored-notice")
        panel = gr.HTML("", elem_id="stored-panel")

    def show(name: str, suite: str, pair: int, kind: str) -> tuple[Any, Any, Any]:
        try:
            shown = stored[name].shown(suite, pair, kind)
        except SeatbeltError as error:
            text = Markup('<p class="notice" role="alert">{}</p>').format(sentence_of(error))
            return "", gr.skip(), text
        return shown.panel, slider_value(shown.labels, shown.name, shown.start), ""

    def of_folder(name: str) -> tuple[Any, ...]:
        return of_suite(name, next(iter(stored[name].suites)))

    def of_suite(name: str, suite: str) -> tuple[Any, ...]:
        run = stored[name]
        pairs, kinds = run.pairs(suite), run.rows(suite)
        return (
            gr.update(choices=list(run.suites), value=suite),
            gr.update(choices=_named(pairs), value=pairs[0]),
            gr.update(choices=list(kinds), value=kinds[-1]),
        )

    folder, suite, pair, rows = chosen
    outputs = panel, slider, notice
    for event in (
        folder.input(of_folder, folder, [suite, pair, rows], **SHORT).then,
        suite.input(of_suite, [folder, suite], [suite, pair, rows], **SHORT).then,
        pair.input,
        rows.input,
        gr.context.Context.root_block.load,
    ):
        event(show, chosen, list(outputs), **SHORT)


def _controls(stored: Mapping[str, StoredRun]) -> list[Any]:
    """Folder, suite, pair, kind of rows."""
    first = next(iter(stored))
    suites = list(stored[first].suites)
    pairs, kinds = stored[first].pairs(suites[0]), stored[first].rows(suites[0])
    lists: dict[str, Any] = {"filterable": False, "min_width": 120}
    with gr.Row():
        return [
            gr.Dropdown(
                list(stored), value=first, label="Folder", visible=len(stored) > 1, **lists
            ),
            gr.Dropdown(suites, value=suites[0], label="Suite", scale=2, **lists),
            gr.Dropdown(_named(pairs), value=pairs[0], label="Pair", **lists),
            gr.Radio(list(kinds), value=kinds[-1], label="Rows", scale=2, min_width=220),
        ]


def _named(pairs: Sequence[int]) -> list[tuple[str, int]]:
    return [(f"pair {number + 1}", number) for number in pairs]
