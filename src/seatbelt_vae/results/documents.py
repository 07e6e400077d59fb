"""Views of settings and summaries, read from small TOML and JSON files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from seatbelt_vae.config import (
    DataConfig,
    ObjectiveConfig,
    Preset,
    ReadingConfig,
    RunConfig,
    preset_of,
    resolve,
    resolve_objective,
)
from seatbelt_vae.config.training_defences import (
    DEFENCE_SETTINGS,
    TRAINING_DEFENCES,
    unread_settings,
)
from seatbelt_vae.data.registry import SAME_EVERYWHERE, latent_sizes_of
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.evaluation.audit_columns import AUDIT_HEADLINES
from seatbelt_vae.results.columns import views
from seatbelt_vae.results.discovery import RunSource
from seatbelt_vae.runs import digest_of
from seatbelt_vae.runs.contents import Run

__all__ = ["DOCUMENTS", "flat", "table_of"]

Row = dict[str, Any]

_SHORT = {"total_correlation": "tc", "mutual_information": "mi"}


def table_of(view: str, runs: Sequence[RunSource]) -> pa.Table:
    """The rows of a view of documents, with the known columns first.

    Raises:
        ArtifactError: a document is missing or corrupt, or a value has the wrong type.
    """
    rows = [row for run in runs for row in DOCUMENTS[view](run)]
    known = views()[view]
    names = dict.fromkeys([*known, *(name for row in rows for name in row)])
    return pa.table({name: _column(view, name, known.get(name), rows) for name in names})


def _column(view: str, name: str, kind: pa.DataType | None, rows: Sequence[Row]) -> pa.Array:
    try:
        column = pa.array([row.get(name) for row in rows], kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        wrong = next(row for row in rows if not _fits(row.get(name), kind))
        raise ArtifactError(
            f"run {wrong['run']} has {wrong[name]!r} as {name} of its {view} ({error}): delete "
            f"this file and run the step again"
        ) from None
    return column.cast(pa.float64()) if pa.types.is_null(column.type) else column


def _fits(value: Any, kind: pa.DataType | None) -> bool:
    try:
        pa.array([value], kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return False
    return True


def _run_rows(source: RunSource) -> Iterator[Row]:
    run = source.contents
    config = run.config
    if config is None:
        yield _foreign_row(run)
        return
    data, model, training = config.data, config.model, config.training
    preset = _preset(model.preset)
    shape, sizes = _architecture(run, config)
    beta, free_bits = _objective(config, len(sizes or ()))
    yield {
        "run": run.name,
        **_data(data),
        "image_shape": shape,
        "preset": model.preset,
        "objective": preset and preset.objective,
        "beta": beta,
        "depth": len(sizes) if sizes else None,
        "latent_sizes": sizes,
        "top_size": sizes[-1] if sizes else None,
        **_named(model, "network", "filters", "features", "hierarchy_widths"),
        **_named(model, "lipschitz_constants", "likelihood"),
        "variance": model.variance if model.likelihood == "gaussian" else None,
        **_named(training, "seed", "batch_size", "learning_rate", "schedule"),
        **_named(training, "gradient_clip", "ema_decay"),
        "epochs": training.epochs if training.steps is None else None,
        "steps": training.steps,
        "free_bits": free_bits,
        "free_bits_group": config.objective.free_bits_group if free_bits else None,
        "tc_estimator": config.objective.tc_estimator
        if preset and preset.reads("tc_estimator")
        else None,
        **_named(config.objective, "kl_warm_up", "tc_warm_up", "warm_up_period"),
        **_defences(config.objective),
        "precision": training.precision,
        "finished": run.weights is not None,
        "weights_digest": run.weights,
    }


def _foreign_row(run: Run) -> Row:
    """The row of a subject without a run folder; columns about training are null."""
    about = run.architecture or {}
    sizes, found = about["latent_sizes"], about.get("trained_as")
    training = found if isinstance(found, dict) else {}
    return {
        "run": run.name,
        **_data(run.data),
        "image_shape": about["image_shape"],
        "preset": run.preset,
        "beta": training.get("beta"),
        "depth": len(sizes),
        "latent_sizes": sizes,
        "top_size": sizes[-1],
        "seed": training.get("seed"),
        "finished": True,
        "weights_digest": run.weights,
    }


def _evaluation_rows(source: RunSource) -> Iterator[Row]:
    evaluation = source.contents.evaluation
    yield {"run": source.name, **(dict(flat(evaluation.measures)) if evaluation else {})}


def _suite_rows(source: RunSource) -> Iterator[Row]:
    for suite in source.contents.suites.values():
        about, config, folder = suite.about, suite.config, suite.folder
        within = config.within_budget
        same = ("loss", "layers", "vary", "among", "threat", "strength", "solver", "pairs", "seed")
        effort = ("draws", "restarts", "max_evaluations", "memory", "recheck", "gradient_free")
        yield {
            "run": source.name,
            "suite": suite.name,
            **_named(config, *same, *effort, "fresh_draws", "levels"),
            "path": config.path_used,
            "weights": None if within else config.weights,
            "weight_count": None if within else config.weight_count,
            "budgets": list(config.epsilons) if within else None,
            **{name: about.get(name) for name in ("test_images", "model", "sibling", "digest")},
            "attacked": len(list(folder.glob("pair-*.parquet"))),
            "measured": len(list(folder.glob("pairs/*.parquet"))),
            "finished": suite.measured is not None and (folder / "flags.json").exists(),
        }


def _summary_rows(source: RunSource) -> Iterator[Row]:
    columns = ("value", "low", "high", "kind", "n", "unit")
    for suite in source.contents.suites.values():
        for name, estimate in suite.measured.estimates.items() if suite.measured else ():
            yield {
                "run": source.name,
                "suite": suite.name,
                "measure": name,
                **{key: estimate.get(key) for key in columns},
            }


def _flag_rows(source: RunSource) -> Iterator[Row]:
    columns = ("name", "raised", "value", "detail")
    for suite in source.contents.suites.values():
        for flag in suite.flags or []:
            yield {
                "run": source.name,
                "suite": suite.name,
                **{key: flag.get(key) for key in columns},
            }


def _audit_rows(source: RunSource) -> Iterator[Row]:
    if (audit := source.contents.audit) is None:
        return
    raised = [check.id for check in audit.checks if check.raised]
    raised += [flag.id for flag in audit.flags if flag.raised]
    values = {result.metric: result.value for result in audit.results}
    yield {
        "run": source.name,
        **_named(audit.target, "name", "kind", "digest", "parameters"),
        "data": audit.data.name,
        "images": audit.data.images,
        "images_digest": audit.data.digest,
        "pairs": max((r.pairs for r in audit.results if r.won_by is not None), default=0),
        **{name: audit.settings.get(name) for name in ("seed", "effort")},
        **_named(audit.verdict, "status", "finding", "sentence"),
        "believable": audit.believable,
        "raised": ", ".join(raised),
        **{name: values.get(name) for name in AUDIT_HEADLINES},
        "unexplained_variance": audit.placement and audit.placement.unexplained_variance,
        "version": audit.tool.version,
        "duration_s": audit.duration_s,
    }


def _audit_result_rows(source: RunSource) -> Iterator[Row]:
    names = ("metric", "goal", "threat", "epsilon", "value", "low", "high", "unit", "better")
    audit = source.contents.audit
    for result in audit.results if audit is not None else ():
        yield {
            "run": source.name,
            **_named(result, *names, "pairs"),
            **_named(result.lines, "identity", "blend", "ppca", "certified"),
        }


DOCUMENTS: Mapping[str, Callable[[RunSource], Iterator[Row]]] = {
    "runs": _run_rows,
    "evaluations": _evaluation_rows,
    "suites": _suite_rows,
    "summaries": _summary_rows,
    "flags": _flag_rows,
    "audits": _audit_rows,
    "audit_results": _audit_result_rows,
}
"""The views of documents, each with the function that returns the rows of one run."""


def _data(data: DataConfig) -> Row:
    """The settings of a data set; its name is without local paths, but with a digest of the path.

    The digest distinguishes data sets with the same name. It is None for data sets with the same
    images at any path.
    """
    kind, colon, rest = data.name.partition(":")
    local = rest if rest.startswith(("/", ".", "~")) else None
    if kind.endswith(".py"):
        name, local = f"{Path(kind).name}:{rest}", kind
    else:
        name = f"{kind}:{Path(local).name}" if colon and local else data.name
    place = None if kind in SAME_EVERYWHERE else data.root or local
    return {
        "data": name,
        "data_place": None if place is None else digest_of(place),
        **_named(data, "image_size", "images", *(field.name for field in fields(ReadingConfig))),
    }


def _named(settings: object, *names: str) -> Row:
    return {name: getattr(settings, name) for name in names}


def _architecture(run: Run, config: RunConfig) -> tuple[list[int] | None, list[int] | None]:
    """Image shape and latent sizes; before training the latent sizes come from the settings."""
    if run.architecture is not None:
        return run.architecture.get("image_shape"), run.architecture["latent_sizes"]
    try:
        # latent sizes do not depend on the image shape
        name = config.data.name
        model = resolve(config.model, name, (1, 64, 64), (-1.0, 1.0), latent_sizes_of(name))
    except ConfigError:
        return None, None
    return None, list(model.latent_sizes)


def _preset(name: str) -> Preset | None:
    """The preset; None if it is a user's preset that cannot be imported."""
    try:
        return preset_of(name)
    except ConfigError:
        return None


def _objective(config: RunConfig, depth: int) -> tuple[float | None, float | None]:
    """β and free bits of the preset and settings; the raw settings if they are invalid."""
    try:
        return resolve_objective(config.objective, config.model.preset, depth)
    except ConfigError:
        return config.objective.beta, config.objective.free_bits


def _defences(objective: ObjectiveConfig) -> Row:
    """The defences joined by commas, and their settings; null if no defence reads them."""
    known = [TRAINING_DEFENCES[name] for name in objective.defence if name in TRAINING_DEFENCES]
    unread = unread_settings(known)
    read = replace(objective, defence_radius=objective.radius_share)
    settings = {name: None if name in unread else getattr(read, name) for name in DEFENCE_SETTINGS}
    return {"defence": ",".join(objective.defence) or None, **settings}


def flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Flatten nested tables: ``total_correlation.lower`` becomes ``tc_lower``."""
    for key, value in table.items():
        name = f"{prefix}{_SHORT.get(key, key)}"
        if isinstance(value, dict):
            yield from flat(value, f"{name}_")
        else:
            yield name, value
