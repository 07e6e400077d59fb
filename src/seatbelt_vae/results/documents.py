"""Rows of what runs store as settings and documents: TOML and JSON, one small file each."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from seatbelt_vae.config import (
    AttackConfig,
    DataConfig,
    Preset,
    RunConfig,
    preset_of,
    resolve,
    resolve_objective,
)
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.results.columns import VIEWS
from seatbelt_vae.results.found import FoundRun
from seatbelt_vae.runs import RunFolder, digest_of, read_json, read_settings, read_suite, suite_file

__all__ = ["DOCUMENTS", "table_of"]

Row = dict[str, Any]

_SHORT = {"total_correlation": "tc", "mutual_information": "mi"}
_SAME_EVERYWHERE = ("dsprites", "celeba", "fashion-mnist", "mnist", "swiss-roll")
"""Sets that hold the same images wherever they are read from."""


def table_of(view: str, runs: Sequence[FoundRun]) -> pa.Table:
    """The rows of a view that is made of documents, with its known columns first.

    Raises:
        ArtifactError: a document that is missing, corrupt, or holds a value of another type.
    """
    rows = [row for run in runs for row in DOCUMENTS[view](run)]
    names = dict.fromkeys([*VIEWS[view], *(name for row in rows for name in row)])
    return pa.table({name: _column(view, name, rows) for name in names})


def _column(view: str, name: str, rows: Sequence[Row]) -> pa.Array:
    kind = VIEWS[view].get(name)
    try:
        column = pa.array([row.get(name) for row in rows], kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        wrong = next(row for row in rows if not _fits(row.get(name), kind))
        raise ArtifactError(
            f"run {wrong['run']} has {wrong[name]!r} as {name} of its {view} ({error}): delete "
            f"the file that says so and run the step again"
        ) from None
    return column.cast(pa.float64()) if pa.types.is_null(column.type) else column


def _fits(value: Any, kind: pa.DataType | None) -> bool:
    try:
        pa.array([value], kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return False
    return True


def _run_rows(run: FoundRun) -> Iterator[Row]:
    config = _config(run)
    data, model, training = config.data, config.model, config.training
    preset = _preset(model.preset)
    shape, sizes = _architecture(run, config)
    beta, free_bits = _objective(config, len(sizes or ()))
    yield {
        "run": run.name,
        **_data(data),
        "image_size": data.image_size,
        "image_shape": shape,
        "images": data.images,
        "preset": model.preset,
        "objective": preset and preset.objective,
        "beta": beta,
        "depth": len(sizes) if sizes else None,
        "latent_sizes": sizes,
        "top_size": sizes[-1] if sizes else None,
        "network": model.network,
        "likelihood": model.likelihood,
        "variance": model.variance if model.likelihood == "gaussian" else None,
        "seed": training.seed,
        "epochs": training.epochs if training.steps is None else None,
        "steps": training.steps,
        "batch_size": training.batch_size,
        "learning_rate": training.learning_rate,
        "ema_decay": training.ema_decay,
        "free_bits": free_bits,
        "free_bits_group": config.objective.free_bits_group if free_bits else None,
        "tc_estimator": config.objective.tc_estimator
        if preset and preset.reads("tc_estimator")
        else None,
        "kl_warm_up": config.objective.kl_warm_up,
        "tc_warm_up": config.objective.tc_warm_up,
        "precision": training.precision,
        "finished": (run.path / "model.safetensors").exists(),
        "weights_digest": _weights(run.path / "model.safetensors"),
    }


def _evaluation_rows(run: FoundRun) -> Iterator[Row]:
    path = run.path / "evaluation" / "measures.json"
    yield {"run": run.name, **(dict(_flat(_read(path))) if path.exists() else {})}


def _suite_rows(run: FoundRun) -> Iterator[Row]:
    for folder in run.suites:
        about, config = _table(read_suite(folder), suite_file(folder)), _attack(folder)
        within = config.within_budget
        summary, flags = folder / "summary.json", folder / "flags.json"
        same = ("loss", "layers", "vary", "among", "threat", "strength", "solver", "pairs", "seed")
        effort = ("draws", "restarts", "max_evaluations", "memory", "recheck", "gradient_free")
        yield {
            "run": run.name,
            "suite": folder.name,
            **{name: getattr(config, name) for name in (*same, *effort, "fresh_draws")},
            "path": config.walked,
            "weights": None if within else config.weights,
            "weight_count": None if within else config.weight_count,
            "budgets": list(config.epsilons) if within else None,
            **{name: about.get(name) for name in ("test_images", "model", "sibling", "digest")},
            "attacked": len(list(folder.glob("pair-*.parquet"))),
            "measured": len(list(folder.glob("pairs/*.parquet"))),
            "finished": summary.exists() and flags.exists(),
        }


def _summary_rows(run: FoundRun) -> Iterator[Row]:
    for folder in run.suites:
        path = folder / "summary.json"
        measures = _table(_read(path).get("measures"), path) if path.exists() else {}
        for name, found in measures.items():
            known = ("value", "low", "high", "kind", "n", "unit")
            yield {
                "run": run.name,
                "suite": folder.name,
                "measure": name,
                **{key: _table(found, path).get(key) for key in known},
            }


def _flag_rows(run: FoundRun) -> Iterator[Row]:
    for folder in run.suites:
        path = folder / "flags.json"
        flags = read_json(path) if path.exists() else []
        for flag in flags if isinstance(flags, list) else [flags]:
            known = ("name", "raised", "value", "detail")
            yield {
                "run": run.name,
                "suite": folder.name,
                **{key: _table(flag, path).get(key) for key in known},
            }


DOCUMENTS: Mapping[str, Callable[[FoundRun], Iterator[Row]]] = {
    "runs": _run_rows,
    "evaluations": _evaluation_rows,
    "suites": _suite_rows,
    "summaries": _summary_rows,
    "flags": _flag_rows,
}
"""The views made of documents, and the rows that one run adds to each."""


def _config(run: FoundRun) -> RunConfig:
    try:
        return RunFolder.open(run.path).config
    except ConfigError as error:
        raise ArtifactError(f"{error}: restore it, or train again") from None


def _attack(folder: Path) -> AttackConfig:
    try:
        return read_settings(folder / "config.toml", AttackConfig)
    except ConfigError as error:
        raise ArtifactError(f"{error}: delete {folder} and attack again") from None


def _data(data: DataConfig) -> Row:
    """The set by a name that holds no path of this machine, and a digest of where its images lie.

    The digest tells two sets of one name apart; None where a name means the same images anywhere.
    """
    kind, colon, rest = data.name.partition(":")
    local = rest if rest.startswith(("/", ".", "~")) else None
    if kind.endswith(".py"):
        name, local = f"{Path(kind).name}:{rest}", kind
    else:
        name = f"{kind}:{Path(local).name}" if colon and local else data.name
    place = None if kind in _SAME_EVERYWHERE else data.root or local
    return {
        "data": name,
        "data_place": None if place is None else digest_of(place),
    }


def _architecture(run: FoundRun, config: RunConfig) -> tuple[list[int] | None, list[int] | None]:
    """The images' shape and the latent layers; before training has begun, what settings say."""
    path = run.path / "model.json"
    if path.exists():
        stored = _read(path)
        return stored.get("image_shape"), stored.get("latent_sizes")
    try:
        # the layers do not depend on the images
        model = resolve(config.model, config.data.name, (1, 64, 64), (-1.0, 1.0))
    except ConfigError:
        return None, None
    return None, list(model.latent_sizes)


def _preset(name: str) -> Preset | None:
    """The preset, None if it is a user's own that cannot be imported here."""
    try:
        return preset_of(name)
    except ConfigError:
        return None


def _objective(config: RunConfig, depth: int) -> tuple[float | None, float | None]:
    """β and the free bits as they act; of settings that cannot be trained, as they stand."""
    try:
        return resolve_objective(config.objective, config.model.preset, depth)
    except ConfigError:
        return config.objective.beta, config.objective.free_bits


def _weights(path: Path) -> str | None:
    """The first 16 digits of SHA-256, as a report states them."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested tables as one: ``total_correlation.lower`` is ``tc_lower``."""
    for key, value in table.items():
        name = f"{prefix}{_SHORT.get(key, key)}"
        if isinstance(value, dict):
            yield from _flat(value, f"{name}_")
        else:
            yield name, value


def _read(path: Path) -> Row:
    """The table in a JSON file."""
    return _table(read_json(path), path)


def _table(content: Any, path: Path) -> Row:
    """A table that was read from a file.

    Raises:
        ArtifactError: something else.
    """
    if not isinstance(content, dict):
        raise ArtifactError(
            f"{path} is not what this version writes: delete it and run the step again"
        )
    return content
