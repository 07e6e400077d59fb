"""The validity flags that are raised on the attacks of an experiment."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatbelt_vae.attacks import FLAGS
from seatbelt_vae.paper.experiment import Attack, Experiment

if TYPE_CHECKING:
    from seatbelt_vae.results import Store

__all__ = ["Raised", "flag_query", "raised_flags"]


@dataclass(frozen=True)
class Raised:
    """A flag that some batteries raise.

    Args:
        protocol: of the attack.
        name: of the flag.
        batteries: how many raise it.
        judged: of how many.
        means: what that says of the numbers.
    """

    protocol: str
    name: str
    batteries: int
    judged: int
    means: str


def flag_query(experiment: Experiment) -> str:
    """Rows of ``protocol, name, batteries, judged``, for the batteries an experiment asked for."""
    attacks = " OR ".join(f"({_where(attack)})" for attack in experiment.attacks)
    return (
        "SELECT protocol, name, count(DISTINCT (run, battery)) FILTER (WHERE raised) AS batteries, "
        "count(DISTINCT (run, battery)) AS judged\n"
        "FROM members JOIN batteries USING (run) JOIN flags USING (run, battery)\n"
        f"WHERE experiment = '{experiment.id}' AND ({attacks})\n"
        "GROUP BY protocol, name\n"
        "ORDER BY ALL"
    )


def raised_flags(experiment: Experiment, store: "Store") -> Iterator[Raised]:
    """The flags raised under each protocol.

    Args:
        experiment: whose attacks.
        store: with the view ``members``.
    """
    if experiment.attacks:
        for row in store.query(flag_query(experiment)).to_pylist():
            if row["batteries"]:
                meaning = FLAGS.get(row["name"])
                yield Raised(**row, means=meaning.means if meaning else "")


def _where(attack: Attack) -> str:
    vary = "vary IS NULL" if attack.vary is None else f"vary = '{attack.vary}'"
    return f"loss = '{attack.loss}' AND layers = '{attack.layers}' AND {vary}"
