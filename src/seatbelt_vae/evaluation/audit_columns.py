"""The columns of an audit: the files of its folder, and the views of its document.

The writer, the results store, the report and ``docs/rows.md`` read these declarations.
"""

from seatbelt_vae.evaluation.measures import Column, RowTable

__all__ = ["AUDIT_FILES", "AUDIT_HEADLINES", "AUDIT_VIEWS"]

AUDIT_HEADLINES = ("gap@0.2", "code_gap@0.2", "damage@0.2", "gap@8/255")
"""Metrics that are columns of the view ``audits``."""

_PAIR = (
    Column("pair", "BIGINT", "number of the pair"),
    Column("input_index", "BIGINT", "position of the input in the audited images"),
    Column("target_index", "BIGINT", "position of the target in the audited images"),
    Column("threat", "VARCHAR", "`l2`, `linf`, or `sd` for L∞ in standard deviations"),
)
_EPSILON = Column(
    "epsilon", "DOUBLE", "budget ε over ‖x_t − x‖₂, the range, or a feature's standard deviation"
)
_GAP = "‖rec(x\\*) − rec(x_t)‖ / ‖rec(x) − rec(x_t)‖"
_CODE_GAP = "‖z\\* − z_t‖ / ‖z − z_t‖; null without codes"
_DAMAGE = "‖rec(x\\*) − rec(x)‖ / the largest ‖d‖₂ within the budget"

AUDIT_FILES = {
    "rows": RowTable(
        "audit_rows",
        "one row per pair, threat, budget and loss",
        (
            *_PAIR,
            _EPSILON,
            Column(
                "loss",
                "VARCHAR",
                "loss of the descents; `zero` (d = 0), `blend` (the nearest point to the target), "
                "`noise`, `gradient-free`, or `recheck` from new starts; against a defence at "
                "inference also `undefended` (a solution of the model without it), `transfer` "
                "(descents from there), `bpda` (with the gradients of that model), `eot` (over "
                "draws of the noise)",
            ),
            Column("gap", "DOUBLE", f"smallest {_GAP} of this loss"),
            Column("code_gap", "DOUBLE", f"smallest {_CODE_GAP}"),
            Column("damage", "DOUBLE", f"largest {_DAMAGE}"),
        ),
    ),
    "worst": RowTable(
        "audit_worst",
        "one row per pair, threat, budget and goal",
        (
            *_PAIR,
            _EPSILON,
            Column(
                "goal", "VARCHAR", "`gap`, `code_gap` or `damage`; x\\* is the worst case of it"
            ),
            Column("loss", "VARCHAR", "the loss that found x\\*, as in `audit_rows`"),
            Column("value", "DOUBLE", "the goal at x\\*; null if it is not finite"),
            Column("blend", "DOUBLE", "the goal at the nearest point to the target"),
            Column("identity", "DOUBLE", "the goal of the identity map; null for `code_gap`"),
            Column("distance_relative", "DOUBLE", "‖x\\* − x‖₂ / ‖x_t − x‖₂"),
            Column("distance_linf", "DOUBLE", "‖x\\* − x‖∞ / range, or ‖x\\* − x‖∞ without bounds"),
            Column("code_shift", "DOUBLE", "‖(z\\* − z) / σ‖ / √d; null without a posterior"),
            Column("tokens_changed", "DOUBLE", "share of tokens that differ; null without tokens"),
            Column("psnr_input", "DOUBLE", "PSNR of x\\* against x; dB"),
            Column("ssim_input", "DOUBLE", "SSIM of x\\* against x"),
            Column("psnr_output", "DOUBLE", "PSNR of rec(x\\*) against rec(x); dB"),
            Column("ssim_output", "DOUBLE", "SSIM of rec(x\\*) against rec(x)"),
            Column("ppca", "DOUBLE", "gap of probabilistic PCA under attack; null for other goals"),
            Column(
                "certified",
                "DOUBLE",
                "lower bound of the gap that no attack can pass; null without a certificate",
            ),
            Column(
                "undefended",
                "DOUBLE",
                "gap of the model without its defence at inference, attacked alone; null for "
                "other goals and models without one",
            ),
            Column(
                "fresh",
                "DOUBLE",
                "mean gap over draws of the defence's noise; null without such noise",
            ),
            Column("told_apart", "BOOLEAN", "whether rec(x) and rec(x_t) differ enough for a gap"),
        ),
    ),
    "checks": RowTable(
        "audit_checks",
        "one row per pair and threat",
        (
            *_PAIR,
            Column("repeatable", "BOOLEAN", "encoder and loss return the same values twice"),
            Column("gradient_usable", "BOOLEAN", "the gradient near x is finite and not zero"),
            Column("clamped_units", "BIGINT", "latent units with a log-variance beyond ±20"),
            Column("training_mode", "BOOLEAN", "false: a model in training mode is refused"),
            Column(
                "noise_wins", "BIGINT", "goals and budgets in which noise beats every loss by 1 %"
            ),
            Column(
                "gradient_free_fall",
                "DOUBLE",
                "fall of the gap by a search without gradients, at the middle budget",
            ),
            Column(
                "fall_gap",
                "DOUBLE",
                "fall of the gap by descents from new starts; null in pairs not attacked again",
            ),
            Column("fall_code_gap", "DOUBLE", "the same for the code gap"),
            Column("fall_damage", "DOUBLE", "relative rise of the damage by new starts"),
            Column(
                "path_difference",
                "DOUBLE",
                "distance between the gaps of sampled and of mean codes, at the middle budget; "
                "null without a posterior",
            ),
            Column(
                "transfer_fall",
                "DOUBLE",
                "largest fall of the gap, over budgets, by attacks that know the undefended model",
            ),
        ),
    ),
}
"""Rows in the folder of an audit by name of their folder, without ``run``."""

AUDIT_VIEWS = (
    RowTable(
        "audits",
        "one row per audited subject",
        (
            Column("name", "VARCHAR", "name of the model"),
            Column("kind", "VARCHAR", "kind of target, such as `run` or `reference`"),
            Column("digest", "VARCHAR", "digest of the weights"),
            Column("parameters", "BIGINT", "number of parameters; null if unknown"),
            Column("data", "VARCHAR", "name of the data set"),
            Column("images", "BIGINT", "number of audited images"),
            Column("images_digest", "VARCHAR", "digest of the images"),
            Column("pairs", "BIGINT", "number of attacked pairs; 0 without an attack"),
            Column("seed", "BIGINT", "seed of pairs, starts and noise"),
            Column("effort", "DOUBLE", "factor on the gradient evaluations"),
            Column("status", "VARCHAR", "`pass`, `fail` or `inconclusive`"),
            Column("finding", "VARCHAR", "`fooled`, `partly fooled` or `not fooled`; or null"),
            Column("sentence", "VARCHAR", "both in plain English"),
            Column(
                "believable", "BOOLEAN", "no check is raised, and no flag withholds the verdict"
            ),
            Column("raised", "VARCHAR", "names of the raised checks and flags, with commas"),
            *(
                Column(name, "DOUBLE", "value of this metric, as in `audit_results`")
                for name in AUDIT_HEADLINES
            ),
            Column(
                "unexplained_variance",
                "DOUBLE",
                "of clean reconstructions; null without a placement among known models",
            ),
            Column("version", "VARCHAR", "version of seatbelt-vae that made the audit"),
            Column("duration_s", "DOUBLE", "seconds, in all"),
        ),
    ),
    RowTable(
        "audit_results",
        "one row per metric of `audit.json`",
        (
            Column("metric", "VARCHAR", "its name with its budget, such as `gap@0.2`"),
            Column("goal", "VARCHAR", "its name without a budget; see [audit.md](audit.md)"),
            Column("threat", "VARCHAR", "`l2`, `linf` or `sd`; null without a budget"),
            Column("epsilon", "DOUBLE", "budget; null without one"),
            Column("value", "DOUBLE", "mean over pairs or images; null if none defines it"),
            Column("low", "DOUBLE", "lower end of its 95 % interval"),
            Column("high", "DOUBLE", "upper end of its 95 % interval"),
            Column("unit", "VARCHAR", "empty for a pure number"),
            Column("better", "VARCHAR", "`higher`, `lower`, or empty"),
            Column("pairs", "BIGINT", "pairs or images in the mean"),
            Column("identity", "DOUBLE", "the metric of the identity map"),
            Column("blend", "DOUBLE", "the metric at the nearest point to the target"),
            Column("ppca", "DOUBLE", "the metric of probabilistic PCA"),
            Column("certified", "DOUBLE", "mean certificate; null without one"),
        ),
    ),
)
"""Views of ``audit.json``, without ``run``."""
