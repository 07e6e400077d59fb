"""Write the tables of measures and audits in docs/rows.md from their declarations.

python docs/measures.py          # after a measure was added or changed
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from seatbelt_vae.evaluation.audit_columns import AUDIT_FILES, AUDIT_VIEWS
from seatbelt_vae.evaluation.measures import MODEL_MEASURES, PAIR_MEASURES, Measure

PAGE = Path(__file__).with_name("rows.md")

_BLOCK = re.compile(r"(<!-- docs/measures\.py: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """The page with every marked table made anew."""
    return _BLOCK.sub(lambda block: block[1] + _table(block[2]) + block[3], page)


def _table(view: str) -> str:
    if view == "pairs":
        return _measures("measure in `pairs/` and `summary.json`", PAIR_MEASURES.values())
    if view == "evaluations":
        stored = (measure for measure in MODEL_MEASURES.values() if measure.columns)
        return _measures("columns of `evaluations`", stored)
    stored = [m.table for m in MODEL_MEASURES.values() if m.table is not None]
    (table,) = (t for t in (*stored, *AUDIT_VIEWS, *AUDIT_FILES.values()) if t.view == view)
    place = f"{view}.parquet" if table in stored else view
    lines = [f"| column of `{place}`, {table.row} | type | meaning |", "|---|---|---|"]
    lines += [f"| `{c.name}` | {c.type} | {c.meaning} |" for c in table.columns]
    return "\n".join(lines) + "\n"


def _measures(title: str, measures: Iterable[Measure]) -> str:
    """One line per definition: measures of a family share theirs."""
    families: dict[str, list[Measure]] = {}
    for measure in measures:
        families.setdefault(measure.family or measure.name, []).append(measure)
    lines = [f"| {title} | unit | better | mean | formula | needs | meaning |", "|---" * 7 + "|"]
    return "\n".join([*lines, *map(_line, families.values())]) + "\n"


def _line(family: Sequence[Measure]) -> str:
    first = family[0]
    names = ", ".join(f"`{column.name}`" for measure in family for column in measure.columns)
    needs = ", ".join(f"`{need}`" for need in sorted(first.needs))
    cells = (first.unit or "1", first.better, getattr(first, "mean", ""), f"$`{first.formula}`$")
    meaning = first.definition.replace("|", r"\|")
    return f"| {' | '.join((names, *cells, needs, meaning))} |"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
