"""The validity flags that are raised on the attacks of an experiment."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatbelt_vae.attacks import FLAGS
from seatbelt_vae.paper.experiment import Experiment, PaperAttack

if TYPE_CHECKING:
    from seatbelt_vae.results import Store

__all__ = ["RaisedFlag", "flag_query", "raised_flags"]


@dataclass(frozen=True)
class RaisedFlag:
    """A flag that at least one suite raises.

    Args:
        strength: strength of the attack.
        name: name of the flag.
        suites: number of suites that raise it.
        judged: number of suites with this flag, raised or not.
        means: meaning of the flag.
    """

    strength: str
    name: str
    suites: int
    judged: int
    means: str


def flag_query(experiment: Experiment) -> str:
    """Rows of ``strength, name, suites, judged``, for the suites of an experiment."""
    attacks = " OR ".join(f"({_where(attack)})" for attack in experiment.attacks)
    return (
        "SELECT strength, name, count(DISTINCT (run, suite)) FILTER (WHERE raised) AS suites, "
        "count(DISTINCT (run, suite)) AS judged\n"
        "FROM members JOIN suites USING (run) JOIN flags USING (run, suite)\n"
        f"WHERE experiment = '{experiment.id}' AND ({attacks})\n"
        "GROUP BY strength, name\n"
        "ORDER BY ALL"
    )


def raised_flags(experiment: Experiment, store: "Store") -> Iterator[RaisedFlag]:
    """The flags raised under each strength.

    Args:
        experiment: the experiment with the attacks.
        store: a results store with the view ``members``.
    """
    if experiment.attacks:
        for row in store.query(flag_query(experiment)).to_pylist():
            if row["suites"]:
                meaning = FLAGS.get(row["name"])
                yield RaisedFlag(**row, means=meaning.means if meaning else "")


def _where(attack: PaperAttack) -> str:
    vary = "vary IS NULL" if attack.vary is None else f"vary = '{attack.vary}'"
    return f"loss = '{attack.loss}' AND layers = '{attack.layers}' AND {vary}"
