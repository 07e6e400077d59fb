"""The tab of live attacks: models, a pair, settings; the attack, its panel and its download."""

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup
from torch import Tensor

from seatbelt_vae.app.choices import BUDGETS, DEFAULT_LOSS, STRENGTHS, has_layers, layer_names
from seatbelt_vae.app.events import NO_OTHER, AttackView, Live
from seatbelt_vae.app.lazy_gradio import gr
from seatbelt_vae.app.sentences import sentence_of
from seatbelt_vae.app.widgets import HIDDEN, SHORT, level_slider, picker, picker_value, slider_value
from seatbelt_vae.config.loss_files import LOSSES
from seatbelt_vae.errors import SeatbeltError

__all__ = ["live_tab"]

_SHOWN = "Shown: budget ε ="
_SIDES = {"input": "Input", "target": "Target: the picture to be reconstructed"}
_CASE = Markup(
    '<div class="case"><a href="cases/{token}" download>Download this case</a>'
    "<p>Images, rows and settings. This command repeats the attack and compares:</p>"
    "<pre><code>{command}</code></pre></div>"
)


def live_tab(live: Live) -> None:
    """Add the controls and the panel of attacks to the page that is being built."""
    first = next(iter(live.subjects.values()))
    with gr.Row(elem_id="live"):
        with gr.Column(scale=4, min_width=300, elem_id="controls"):
            models = _models(live)
            pair = [_picture(live, side, number) for number, side in enumerate(_SIDES)]
            settings = _settings(first.depth)
            with gr.Row():
                start = gr.Button("Attack", variant="primary", elem_id="start", min_width=110)
                stop = gr.Button("Stop", interactive=False, elem_id="stop", min_width=110)
        with gr.Column(scale=8, min_width=320, elem_classes="levels", elem_id="result"):
            budgets = BUDGETS["l2"]
            slider = level_slider([f"{b:g}" for b in budgets], _SHOWN, 2)
            notice = gr.HTML("", elem_id="notice")
            panel = gr.HTML("", elem_id="panel")
            case = gr.HTML("", elem_id="case")
    states = [state for state, _ in pair]
    outputs = [panel, notice, case, start, stop]
    _connect_pictures(live, models, pair, [panel, notice])
    inputs = [*models, *states, *settings]
    start.click(_attack(live), inputs, [slider, *outputs], concurrency_limit=None, **HIDDEN)
    stop.click(_stop(live), None, None, **SHORT)
    _page().unload(_stop(live))


def _page() -> Any:
    return gr.context.Context.root_block


def _models(live: Live) -> list[Any]:
    names = list(live.subjects)
    with gr.Row():
        return [
            gr.Dropdown(names, value=names[0], label="Model", filterable=False, min_width=120),
            gr.Dropdown(
                [NO_OTHER, *names],
                value=names[1] if len(names) == 2 else NO_OTHER,
                label="Beside it",
                filterable=False,
                min_width=120,
                visible=len(names) > 1,
            ),
        ]


def _picture(live: Live, side: str, number: int) -> tuple[Any, Any]:
    """The state of one side of the pair, and its picker."""
    examples = next(iter(live.subjects.values())).examples
    known = number < len(examples)
    state = gr.State(examples[number] if known else None, time_to_live=3600)
    return state, picker(side, _SIDES[side], examples, number, live.limits.picture_bytes)


def _settings(depth: int) -> list[Any]:
    """Loss, layers, norm, budgets, strength: the arguments of `attack_config` in order."""
    with gr.Row():
        loss = gr.Dropdown(
            list(LOSSES), value=DEFAULT_LOSS, label="Loss", filterable=False, min_width=160, scale=3
        )
        layers = gr.Dropdown(
            layer_names(depth),
            value="all",
            label="Layers",
            filterable=False,
            min_width=80,
            scale=2,
            interactive=has_layers(DEFAULT_LOSS),
        )
    with gr.Row():
        norm = gr.Radio(
            [("L₂", "l2"), ("L∞", "linf")], value="l2", label="Norm", min_width=120, scale=3
        )
        strength = gr.Radio(
            [("strong", "strong"), ("single", "single")],
            value=STRENGTHS[0],
            label="Strength",
            min_width=150,
            scale=4,
        )
    budgets = gr.CheckboxGroup(
        [(f"{b:g}", b) for b in BUDGETS["l2"]],
        value=list(BUDGETS["l2"]),
        label="Budgets ε of the distortion",
    )

    def of_norm(chosen: str) -> Any:
        offered = BUDGETS[chosen]
        return gr.update(choices=[(f"{b:g}", b) for b in offered], value=list(offered))

    loss.input(_layers, loss, layers, **SHORT)
    norm.input(of_norm, norm, budgets, **SHORT)
    return [loss, layers, norm, budgets, strength]


def _layers(loss: str) -> Any:
    if has_layers(loss):
        return gr.update(interactive=True)
    return gr.update(value="all", interactive=False)


def _connect_pictures(
    live: Live, models: list[Any], pair: list[tuple[Any, Any]], shown: Any
) -> None:
    """Update the pair when a picture or a model is chosen, and show it with its reconstructions."""
    states = [state for state, _ in pair]

    def clean(one: str, other: str, x: Tensor | None, target: Tensor | None) -> tuple[Any, Any]:
        try:
            return live.clean(_names(one, other), x, target), ""
        except SeatbeltError as error:
            return gr.skip(), _notice(sentence_of(error))

    def picked(one: str, event: gr.EventData) -> Any:
        return live.example(one, event.index)

    def uploaded(one: str, event: gr.EventData) -> tuple[Any, Any]:
        try:
            share, notes = live.uploaded(one, event._data)
        except SeatbeltError as error:
            return gr.skip(), _notice(sentence_of(error))
        return share, _notice(notes and f"{notes}.", plain=True)

    both = [*models, *states]
    for state, chooser in pair:
        chooser.select(picked, models[0], state, **SHORT).then(clean, both, shown, **SHORT)
        chooser.upload(uploaded, models[0], [state, shown[1]], **SHORT).success(
            lambda *sides: clean(*sides)[0], both, shown[0], **SHORT
        )

    def of_model(one: str) -> list[Any]:
        examples = live.subjects[one].examples
        found = [examples[k] if k < len(examples) else None for k in range(2)]
        values = [picker_value(s, _SIDES[s], examples, k) for k, s in enumerate(_SIDES)]
        return [*found, *values]

    if not _same_examples(live):
        pickers = [chooser for _, chooser in pair]
        changed = models[0].input(of_model, models[0], [*states, *pickers], **SHORT)
        changed.then(clean, both, shown, **SHORT)
    else:
        models[0].input(clean, both, shown, **SHORT)
    models[1].input(clean, both, shown, **SHORT)
    _page().load(clean, both, shown, **SHORT)


def _same_examples(live: Live) -> bool:
    first, *others = (subject.examples for subject in live.subjects.values())
    return all(first.shape == other.shape and bool((first == other).all()) for other in others)


def _names(one: str, other: str) -> list[str]:
    return [one] if other == NO_OTHER else [one, other]


def _attack(live: Live) -> Any:
    def attack(
        one: str,
        other: str,
        x: Tensor | None,
        target: Tensor | None,
        loss: str,
        layers: str,
        norm: str,
        budgets: list[float],
        strength: str,
        request: gr.Request,
    ) -> Iterator[list[Any]]:
        settings = {
            "loss": loss,
            "layers": layers,
            "norm": norm,
            "budgets": budgets,
            "strength": strength,
        }
        session = request.session_hash or ""
        labels = [f"{budget:g}" for budget in sorted(budgets)]
        slider = slider_value(labels, _SHOWN, len(labels) // 2) if labels else gr.skip()
        for view in live.attack(session, _names(one, other), x, target, settings):
            yield [slider, *_outputs(view)]
            slider = gr.skip()

    return attack


def _outputs(view: AttackView) -> list[Any]:
    return [
        gr.skip() if view.panel is None else view.panel,
        _notice(view.notice, plain=view.running),
        "" if view.case is None else _CASE.format(token=view.case, command=view.command),
        gr.update(interactive=not view.running),
        gr.update(interactive=view.running),
    ]


def _stop(live: Live) -> Any:
    def stop(request: gr.Request) -> None:
        live.sessions.stop(request.session_hash or "")

    return stop


def _notice(text: str, *, plain: bool = False) -> str:
    """A sentence for the user; nothing for no text."""
    if not text:
        return ""
    kind = "notice plain" if plain else "notice"
    role = "status" if plain else "alert"
    return str(Markup('<p class="{}" role="{}">{}</p>').format(kind, role, text))
