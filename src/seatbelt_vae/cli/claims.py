"""``claims``: the answers to the claims of the paper, of one folder or side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seatbelt_vae.cli.paper_options import Claims
from seatbelt_vae.cli.stdout import print_json, print_table

if TYPE_CHECKING:
    from seatbelt_vae.evaluation.two_way_bootstrap import CrossedEstimate
    from seatbelt_vae.paper.claims import Answer

__all__ = ["print_answers", "run"]

_TITLE = "claims of Willetts et al. (2021)"


def run(options: Claims) -> None:
    """Answer the claims from stored rows, and print them."""
    from seatbelt_vae.paper.claims import record_of

    found = {folder: _answers(folder) for folder in options.folders}
    if options.output.json:
        records = [
            {"folder": str(folder), **record_of(answer)}
            for folder, answers in found.items()
            for answer in answers
        ]
        print_json({"claims": records})
    elif len(found) > 1:
        _print_side_by_side(found)
    else:
        for answers in found.values():
            print_answers(answers)
            _print_contrasts(answers)


def _answers(folder: Path) -> "list[Answer]":
    from seatbelt_vae.paper.claims import answer_all
    from seatbelt_vae.paper.stored_rows import ROWS
    from seatbelt_vae.results import Store

    exported = folder / ROWS
    return answer_all(Store.open([exported if exported.exists() else folder]))


def print_answers(answers: "Sequence[Answer]") -> None:
    """Print the answers with their reasons."""
    if not answers:
        print("these experiments decide no claim")
        return
    rows = [[a.claim.id, a.claim.text, a.verdict, a.why] for a in answers]
    print_table(_TITLE, ["", "claim", "answer", "why"], rows, words=range(4))


def _print_side_by_side(found: "Mapping[Path, Sequence[Answer]]") -> None:
    """One row per claim, one column of answers per folder."""
    by_claim: dict[str, dict[Path, Answer]] = {}
    for folder, answers in found.items():
        for answer in answers:
            by_claim.setdefault(answer.claim.id, {})[folder] = answer
    rows = []
    for name in sorted(by_claim, key=lambda claim: int(claim[1:])):
        of = by_claim[name]
        verdicts = [of[folder].verdict if folder in of else "–" for folder in found]
        rows.append([name, next(iter(of.values())).claim.text, *verdicts])
    head = ["", "claim", *map(_name, found)]
    print_table(_TITLE, head, rows, words=range(len(head)))


def _name(folder: Path) -> str:
    from seatbelt_vae.paper.stored_rows import ROWS

    place = folder.resolve()
    return place.parent.name if place.name == ROWS else place.name


def _print_contrasts(answers: "Sequence[Answer]") -> None:
    """The contrasts of each claim with their intervals, and what a test of it requires."""
    for answer in answers:
        rows = [
            [data, e.contrast.words, e.contrast.strength or "–", *_numbers(e.estimate)]
            for data, effects in answer.effects.items()
            for e in effects
        ]
        rows += [
            [data, f"precondition: {found.series} at β = 1, {found}", *"–––"]
            for data, required in answer.preconditions.items()
            for found in required
        ]
        if rows:
            head = ["data", "positive (or above 1) if", "strength", "effect", "95 % interval"]
            print_table(f"{answer.claim.id}: {answer.claim.text}", head, rows, words=range(3))


def _numbers(estimate: "CrossedEstimate") -> list[str]:
    if estimate.value is None:
        return ["–", "–"]
    interval = "–" if estimate.low is None else f"{estimate.low:.3g} … {estimate.high:.3g}"
    return [f"{estimate.value:.3g}", interval]
