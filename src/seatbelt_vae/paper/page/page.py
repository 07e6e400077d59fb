"""One self-contained HTML file: the claims and their answers, every figure and its rows."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from seatbelt_vae.paper.page.commands import results_command
from seatbelt_vae.paper.page.facts import facts, versions
from seatbelt_vae.paper.page.omissions import left_out
from seatbelt_vae.paper.page.section import Section
from seatbelt_vae.report.drawing.svg import inlined
from seatbelt_vae.report.tables import number
from seatbelt_vae.runs import atomic_write

if TYPE_CHECKING:
    from seatbelt_vae.paper.claims import Answer, Effect, Verdict
    from seatbelt_vae.paper.plan import Plan

__all__ = ["write_page"]

_NOTHING: Mapping[str, str] = MappingProxyType({})
_STRENGTHS = {"paper": "Published attack", "strong": "Strong attack"}
_VERDICTS: "tuple[Verdict, ...]" = (
    "reproduced",
    "only under the weak protocol",
    "not reproduced",
    "undecided",
)


def write_page(
    out: Path,
    sections: Sequence[Section],
    answers: "Sequence[Answer]",
    plan: "Plan",
    *,
    rows: str,
    commands: Sequence[str],
    missing: Mapping[str, str] = _NOTHING,
    failures: Mapping[str, str] = _NOTHING,
) -> Path:
    """Write the page of a reproduction, whole or not at all; nothing in it is fetched.

    Args:
        out: the file.
        sections: the experiments, in their order.
        answers: to the claims.
        plan: what was to be done, and at which size.
        rows: the exported store, or folder of runs, as a reader of the page would name it.
        commands: how all of it is made again.
        missing: data sets that could not be had, by name, and why.
        failures: models that were not finished, by label, and why.

    Returns:
        ``out``.

    Raises:
        ArtifactError: ``out`` cannot be written.
    """
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("seatbelt_vae.paper.page"), PackageLoader("seatbelt_vae.report")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "effect": _effect,
        "leading": _leading,
        "sentence": _sentence,
        "queries": _queries,
        "inlined": lambda file, title: inlined(file.read_bytes(), title),
        "results": lambda query: results_command(query, rows),
    }
    page = environment.get_template("reproduction.html").render(
        sections=sections,
        left_out={
            s.experiment.id: list(left_out(s.experiment, plan.size, missing)) for s in sections
        },
        answers=answers,
        verdicts=_counts(answers),
        size=plan.size,
        facts=list(facts(plan)),
        commands=commands,
        missing=missing,
        failures=failures,
        strengths=_STRENGTHS,
        versions=list(versions()),
    )
    atomic_write(out, page.encode(errors="replace"))
    return out


def _counts(answers: "Sequence[Answer]") -> list[tuple[str, int]]:
    """How many claims have each verdict, in the order of `_VERDICTS`."""
    found = Counter(answer.verdict for answer in answers)
    return [(verdict, found[verdict]) for verdict in _VERDICTS if found[verdict]]


def _sentence(words: str) -> str:
    """With a capital, unless it begins with a symbol."""
    return words[0].upper() + words[1:] if words[0].isascii() else words


def _leading(answer: "Answer") -> Iterator[tuple[str, "Effect"]]:
    """The first contrast that decides and the first published one, on the data set that decides."""
    order = sorted(
        answer.effects.items(),
        key=lambda item: any(found.estimate.of_these_models_only for found in item[1]),
    )
    for data, contrasts in order[:1]:
        for role in ("decides", "published"):
            yield from [(data, found) for found in contrasts if found.contrast.role == role][:1]


def _queries(answer: "Answer") -> list[str]:
    """Each query of its contrasts once."""
    contrasts = [found for contrasts in answer.effects.values() for found in contrasts]
    return list(dict.fromkeys(query for found in contrasts for query in found.queries))


def _effect(found: "Effect") -> tuple[str, str, str]:
    """The effect, its interval and the published one: ratios of means, or differences."""
    estimate = found.estimate
    times = "×\u202f" if estimate.kind == "geometric" else ""
    value, low, high = (
        f"{times}{number(end)}" for end in (estimate.value, estimate.low, estimate.high)
    )
    interval = "" if estimate.low is None else f"{low} … {high}"
    # a published effect is known by its logarithm
    published = "–" if found.published is None else f"{times}{number(math.exp(found.published))}"
    return value, interval, published
