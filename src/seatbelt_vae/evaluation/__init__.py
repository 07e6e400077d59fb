"""Measures of a model and of the attacks on it: robustness, bounds, aggregate posterior."""

from seatbelt_vae.evaluation.auddc import Area, auddc, auddc_worst
from seatbelt_vae.evaluation.bootstrap import Estimate, estimate, paired_difference
from seatbelt_vae.evaluation.budgets import BUDGETS, MatchedBudgets, matched_budgets, shorten
from seatbelt_vae.evaluation.codes import code_rows
from seatbelt_vae.evaluation.denoising import Denoising, denoising
from seatbelt_vae.evaluation.downstream import measure_downstream
from seatbelt_vae.evaluation.gap import Pair, reconstruct
from seatbelt_vae.evaluation.margin import Margins, Robustness, margins, r_robustness
from seatbelt_vae.evaluation.mig import FactorGap, measure_mig
from seatbelt_vae.evaluation.model import evaluate
from seatbelt_vae.evaluation.robustness import PairMeasures, measure_pair
from seatbelt_vae.evaluation.suite import compare_pairs, compare_suites, measure_suite
from seatbelt_vae.evaluation.summary import MEASURES, summarise
from seatbelt_vae.evaluation.traversals import Traversals, traverse

__all__ = [
    "BUDGETS",
    "MEASURES",
    "Area",
    "Denoising",
    "Estimate",
    "FactorGap",
    "Margins",
    "MatchedBudgets",
    "Pair",
    "PairMeasures",
    "Robustness",
    "Traversals",
    "auddc",
    "auddc_worst",
    "code_rows",
    "compare_pairs",
    "compare_suites",
    "denoising",
    "estimate",
    "evaluate",
    "margins",
    "matched_budgets",
    "measure_downstream",
    "measure_mig",
    "measure_pair",
    "measure_suite",
    "paired_difference",
    "r_robustness",
    "reconstruct",
    "shorten",
    "summarise",
    "traverse",
]
