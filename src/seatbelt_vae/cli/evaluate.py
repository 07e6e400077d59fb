"""``evaluate``: measure one model on held-out images."""

import re
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from textwrap import wrap
from typing import Any

from seatbelt_vae.cli.options import Evaluate
from seatbelt_vae.cli.progress_bars import ProgressLines
from seatbelt_vae.cli.stdout import print_json
from seatbelt_vae.cli.targets import check_target, load_target
from seatbelt_vae.evaluation.measures import MODEL_MEASURES
from seatbelt_vae.evaluation.measures.bounds import BOUNDS
from seatbelt_vae.evaluation.measures.declaration import ModelMeasure
from seatbelt_vae.evaluation.measures.latents import AGGREGATE, UNITS
from seatbelt_vae.evaluation.measures.on_request import ON_REQUEST
from seatbelt_vae.evaluation.measures.reconstructions import RECONSTRUCTIONS
from seatbelt_vae.parallel.process_settings import tune_process

__all__ = ["evaluation_text", "run"]

_WIDTH, _LABEL, _VALUE = 100, 24, 26
_GROUPS = {
    "reconstructions": RECONSTRUCTIONS,
    "likelihood": BOUNDS,
    "codes": (*AGGREGATE, *UNITS),
    "on request": ON_REQUEST,
}


def run(options: Evaluate) -> None:
    """Evaluate and print the measures."""
    check_target(options)
    with ProgressLines(quiet=options.output.quiet) as progress:
        from seatbelt_vae.workflow.steps import evaluate_subject

        def show(activity: str, done: int, total: int) -> None:
            progress.show(activity, done, total, line="evaluating")

        tune_process(options.evaluation.threads)
        subject, data = load_target(options, progress.say)
        measures = evaluate_subject(subject, data, options.evaluation, between=show)
    if options.output.json:
        print_json({"run": str(subject.place), **measures})
        return
    print(evaluation_text(measures))
    print(f"{'files':<{_LABEL}}{subject.place / 'evaluation'}: measures.json · rows · pictures")


def evaluation_text(measures: Mapping[str, Any]) -> str:
    """The measures of an evaluation as text: one sentence, then one group of rows per topic.

    Args:
        measures: content of ``measures.json``.

    Returns:
        Lines of at most 100 characters: name, value with unit, better direction, and meaning.
        Measures without a value are left out.
    """
    lines = wrap(_sentence(measures), _WIDTH)
    grouped = {measure.name for group in _GROUPS.values() for measure in group}
    own = tuple(m for name, m in MODEL_MEASURES.items() if name not in grouped)
    for title, group in {**_GROUPS, "others": own}.items():
        rows = [line for measure in group for line in _row(measure, measures)]
        if rows:
            lines += ["", title, *rows]
    for name, needs in measures.get("left_out", {}).items():
        lines.append(f"{'left out':<{_LABEL}}{name}: the model has no {', no '.join(needs)}")
    return "\n".join([*lines, ""])


def _sentence(measures: Mapping[str, Any]) -> str:
    """Reconstruction error, ELBO and active units, as far as they exist."""
    images, parts = f"{measures['images']} held-out images", []
    if (missed := measures.get("unexplained_variance")) is not None:
        parts.append(f"reconstructions miss {100 * missed:.3g} % of the variance of {images}")
    if (elbo := measures.get("elbo")) is not None:
        parts.append(f"the ELBO is {elbo:.4g} nats per image")
    if (active := measures.get("active_units")) is not None:
        count = sum(active) if isinstance(active, list) else active
        parts.append(f"{count} latent units carry information")
    text = "; ".join(parts) or f"{images} were measured"
    return f"{text[0].upper()}{text[1:]}."


def _row(measure: ModelMeasure, measures: Mapping[str, Any]) -> Iterator[str]:
    """The lines of one measure; none without a value."""
    value = _text(measure.shown(measures))
    if not value:
        return
    number, bracket, note = value.partition(" (")
    number = " ".join(filter(None, (number, measure.unit, measure.better)))
    left = wrap(number + bracket + note, _WIDTH - _LABEL)
    meaning = re.split(r"(?<!al)\. |; ", measure.definition)[0].removesuffix(".")
    right = wrap(meaning, _WIDTH - _LABEL - _VALUE)
    if max(map(len, left)) >= _VALUE:  # the meaning stands below a long value
        left, right = left + [""] * len(right), [""] * len(left) + right
    labels = [f"  {measure.symbol}"]
    if len(labels[0]) >= _LABEL:  # the value stands below a long label
        left, right = ["", *left], ["", *right]
    for label, shown, meant in zip_longest(labels, left, right, fillvalue=""):
        yield f"{label:<{_LABEL}}{shown:<{_VALUE}}{meant}".rstrip()


def _text(value: Any) -> str:
    """A number in four digits, or several with their names; empty for no value."""
    if isinstance(value, Mapping):
        named = ((name, _text(each)) for name, each in value.items())
        return " · ".join(f"{name}: {text}" for name, text in named if text)
    if isinstance(value, list):
        return " ".join(filter(None, map(_text, value)))
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
