"""SQL queries over the results of many runs, and the Pareto front."""

from seatbelt_vae.results.pareto import pareto_front
from seatbelt_vae.results.sql_text import identifier, literal
from seatbelt_vae.results.store import Store

__all__ = ["Store", "identifier", "literal", "pareto_front"]
