"""Measures of a model and of the attacks on it: robustness, bounds, aggregate posterior.

Names are imported when they are first used: reading the declarations in `measures` must not import
PyTorch. No submodule may have one of these names.
"""

from typing import TYPE_CHECKING

from seatbelt_vae.references import lazy_lookup

if TYPE_CHECKING:
    from seatbelt_vae.evaluation.bootstrap import Estimate, estimate, paired_difference
    from seatbelt_vae.evaluation.budgets import MatchedBudgets, matched_budgets, shorten
    from seatbelt_vae.evaluation.codes import code_rows
    from seatbelt_vae.evaluation.distortion_damage import Area, auddc, auddc_worst
    from seatbelt_vae.evaluation.downstream import measure_downstream
    from seatbelt_vae.evaluation.evaluation_folder import evaluate
    from seatbelt_vae.evaluation.gap import Pair, reconstruct
    from seatbelt_vae.evaluation.margin import Margins, Robustness, margins, r_robustness
    from seatbelt_vae.evaluation.measures import (
        BUDGETS,
        MODEL_MEASURES,
        PAIR_MEASURES,
        ModelMeasure,
        PairMeasure,
        register,
    )
    from seatbelt_vae.evaluation.mig import FactorGap, measure_mig
    from seatbelt_vae.evaluation.noisy_inputs import Denoising, denoising
    from seatbelt_vae.evaluation.robustness import PairMeasures, measure_pair
    from seatbelt_vae.evaluation.suite_measures import compare_pairs, compare_suites, measure_suite
    from seatbelt_vae.evaluation.suite_summary import summarise
    from seatbelt_vae.evaluation.tokens import tokens_changed
    from seatbelt_vae.evaluation.traversals import Traversals, traverse

__all__ = [
    "BUDGETS",
    "MODEL_MEASURES",
    "PAIR_MEASURES",
    "Area",
    "Denoising",
    "Estimate",
    "FactorGap",
    "Margins",
    "MatchedBudgets",
    "ModelMeasure",
    "Pair",
    "PairMeasure",
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
    "register",
    "shorten",
    "summarise",
    "tokens_changed",
    "traverse",
]

_NAMES_BY_MODULE = {
    "bootstrap": "Estimate estimate paired_difference",
    "budgets": "MatchedBudgets matched_budgets shorten",
    "codes": "code_rows",
    "distortion_damage": "Area auddc auddc_worst",
    "downstream": "measure_downstream",
    "gap": "Pair reconstruct",
    "margin": "Margins Robustness margins r_robustness",
    "measures": "BUDGETS MODEL_MEASURES PAIR_MEASURES ModelMeasure PairMeasure register",
    "mig": "FactorGap measure_mig",
    "evaluation_folder": "evaluate",
    "noisy_inputs": "Denoising denoising",
    "robustness": "PairMeasures measure_pair",
    "suite_measures": "compare_pairs compare_suites measure_suite",
    "suite_summary": "summarise",
    "tokens": "tokens_changed",
    "traversals": "Traversals traverse",
}

__getattr__ = lazy_lookup(__name__, globals(), _NAMES_BY_MODULE)
