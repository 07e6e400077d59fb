"""Objectives and bounds: ELBO, penalties, IWAE, the aggregate posterior."""

from seatbelt_vae.objectives.aggregate_posterior import AggregatePosterior, Aggregates, Bracket
from seatbelt_vae.objectives.elbo import Terms, elbo_units
from seatbelt_vae.objectives.importance import iwae, log_weights
from seatbelt_vae.objectives.objective import Objective
from seatbelt_vae.objectives.penalty import (
    DefendedBatch,
    InputDefence,
    PenaltyInput,
    PenaltyLoss,
    PenaltySetup,
    TrainedPart,
    WeighedPenalty,
)
from seatbelt_vae.objectives.total_correlation import component_log_weights, total_correlation

__all__ = [
    "AggregatePosterior",
    "Aggregates",
    "Bracket",
    "DefendedBatch",
    "InputDefence",
    "Objective",
    "PenaltyInput",
    "PenaltyLoss",
    "PenaltySetup",
    "Terms",
    "TrainedPart",
    "WeighedPenalty",
    "component_log_weights",
    "elbo_units",
    "iwae",
    "log_weights",
    "total_correlation",
]
