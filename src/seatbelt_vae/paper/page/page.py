"""One self-contained HTML file: the claims and their answers, every figure and its rows."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from seatbelt_vae.paper.claims import MARGIN, VERDICTS, Answer, Effect, trainings_to_decide
from seatbelt_vae.paper.convergence import QUERY
from seatbelt_vae.paper.page.commands import results_command
from seatbelt_vae.paper.page.facts import facts, versions
from seatbelt_vae.paper.page.omissions import omissions
from seatbelt_vae.paper.page.section import Section
from seatbelt_vae.report.drawing.svg import inlined
from seatbelt_vae.report.tables import number
from seatbelt_vae.report.templating import render_page
from seatbelt_vae.runs import atomic_write

if TYPE_CHECKING:
    from seatbelt_vae.paper.convergence import Training
    from seatbelt_vae.paper.experiment_jobs import Plan
    from seatbelt_vae.paper.findings import Findings

__all__ = ["write_page"]

_NOTHING: Mapping[str, str] = MappingProxyType({})
_STRENGTHS = {"paper": "Published attack", "strong": "Strong attack"}


def write_page(
    out: Path,
    sections: Sequence[Section],
    answers: Sequence[Answer],
    plan: "Plan",
    *,
    rows: str,
    commands: Sequence[str],
    about: Sequence[tuple[str, str]] = (),
    missing: Mapping[str, str] = _NOTHING,
    failures: Mapping[str, str] = _NOTHING,
    findings: "Sequence[Findings]" = (),
    trainings: "Sequence[Training]" = (),
) -> Path:
    """Write the page of a reproduction in one atomic step; the page loads nothing.

    Args:
        out: the file.
        sections: the experiments, in order.
        answers: answers to the claims.
        plan: the plan of the reproduction.
        rows: path of the exported store or folder of runs, relative to the page's reader.
        commands: commands that make the page again.
        about: names and values of the header (default: the settings of the plan).
        missing, failures: the reason for each unavailable data set and each unfinished model.
        findings: the results of a frontier; the page then has its title.
        trainings: the trainings of the models.

    Returns:
        ``out``.

    Raises:
        ArtifactError: ``out`` cannot be written.
    """
    filters: dict[str, Callable[..., Any]] = {
        "numbers": _numbers,
        "leading": _leading,
        "sentence": _sentence,
        "queries": _queries,
        "trainings": trainings_to_decide,
        "inlined": lambda file, title: inlined(file.read_bytes(), title),
        "results": lambda query: results_command(query, rows),
    }
    content = _content(sections, answers, plan, missing)
    content |= {"facts": about or list(facts(plan)), "commands": commands, "failures": failures}
    content |= {"findings": findings, "trainings": trainings, "convergence_query": QUERY}
    page = render_page("reproduction.html", content, package=__package__, filters=filters)
    atomic_write(out, page.encode(errors="replace"))
    return out


def _content(
    sections: Sequence[Section],
    answers: Sequence[Answer],
    plan: "Plan",
    missing: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "sections": sections,
        "omissions": {
            s.experiment.id: list(omissions(s.experiment, plan.size, missing)) for s in sections
        },
        "answers": answers,
        "verdicts": _counts(answers),
        "margin": MARGIN,
        "size": plan.size,
        "missing": missing,
        "strengths": _STRENGTHS,
        "versions": list(versions()),
    }


def _counts(answers: Sequence[Answer]) -> list[tuple[str, int]]:
    """The number of claims of each verdict, in the order of `VERDICTS`."""
    counts = Counter(answer.verdict for answer in answers)
    return [(verdict, counts[verdict]) for verdict in VERDICTS if counts[verdict]]


def _sentence(words: str) -> str:
    """Capitalise the first letter, unless it is a symbol."""
    return words[0].upper() + words[1:] if words[0].isascii() else words


def _leading(answer: Answer) -> Iterator[tuple[str, Effect]]:
    """The first deciding and the first published contrast, on a data set that decides."""
    order = sorted(
        answer.effects.items(),
        key=lambda item: any(effect.estimate.of_these_models_only for effect in item[1]),
    )
    for data, contrasts in order[:1]:
        for role in ("decides", "published"):
            yield from [(data, e) for e in contrasts if e.contrast.role == role][:1]


def _queries(answer: Answer) -> list[str]:
    """The distinct queries of its contrasts and preconditions."""
    effects = [query for on_data in answer.effects.values() for e in on_data for query in e.queries]
    required = [found.query for on_data in answer.preconditions.values() for found in on_data]
    return list(dict.fromkeys(effects + required))


def _numbers(effect: Effect) -> tuple[str, str, str]:
    """The effect, its interval and the published effect: ratios of means, or differences."""
    estimate = effect.estimate
    times = "×\u202f" if estimate.kind == "geometric" else ""
    value, low, high = (
        f"{times}{number(end)}" for end in (estimate.value, estimate.low, estimate.high)
    )
    interval = "" if estimate.low is None else f"{low} … {high}"
    # the published effect is stored as a logarithm
    published = "–" if effect.published is None else f"{times}{number(math.exp(effect.published))}"
    return value, interval, published
