"""A battery: one model attacked on many pairs, a row per λ, stored pair by pair and resumable.

A pair is whole on disk or absent: its images are written first, its rows last, each by a rename.
Pairs are computed independently of one another, so a resumed battery equals an uninterrupted one.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seatbelt_vae.attacks.attack import attack_pair
from seatbelt_vae.attacks.controls import matched_noise, probe
from seatbelt_vae.attacks.flags import battery_flags
from seatbelt_vae.attacks.pairs import choose_pairs
from seatbelt_vae.attacks.result import PairResult
from seatbelt_vae.config import AttackConfig, dump_toml
from seatbelt_vae.config.attack import parse_layers
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ForeignStateError
from seatbelt_vae.models import HierarchicalVAE, fold_batch_norm, load_model
from seatbelt_vae.randomness import generator_for
from seatbelt_vae.runs import (
    RunFolder,
    atomic_write,
    digest_of,
    read_json,
    read_rows,
    write_json,
    write_rows,
    write_tensors,
)

__all__ = ["PairDone", "battery_name", "run_battery"]

_PREFERRED = 1e-6


@dataclass(frozen=True)
class PairDone:
    """Told after each pair.

    Args:
        pair: its number.
        pairs: how many there are.
        resumed: whether it was on disk already.
    """

    pair: int
    pairs: int
    resumed: bool


def battery_name(config: AttackConfig) -> str:
    """The folder of a battery: what was attacked and how, e.g. ``latent-kl-strong``.

    Example:
        >>> battery_name(AttackConfig(layers="1,3", protocol="paper", weights="published"))
        'latent-kl-layers-1-3-paper-published'
    """
    parts = [config.loss]
    if config.layers != "all":
        parts.append(f"layers-{config.layers.replace(',', '-')}")
    if config.path is not None:
        parts.append(config.path)
    parts.append(config.protocol)
    if config.weights != "relative":
        parts.append(config.weights)
    return "-".join(parts)


def run_battery(
    run: RunFolder,
    data: ImageData,
    config: AttackConfig,
    *,
    on_pair: Callable[[PairDone], None] | None = None,
) -> Path:
    """Attack a run's model on random pairs of held-out images; continue where it was left.

    Returns:
        The battery's folder, ``attacks/<name>`` in the run.

    Raises:
        ForeignStateError: the folder holds another model's or other settings' battery.
        ArtifactError: the run has no finished model, or the disk is full.
        ConfigError: layers the model has not.
        DataError: too few different test images.
    """
    model = load_model(run)
    parse_layers(config.layers, len(model.latent_sizes))
    folder = run.path / "attacks" / battery_name(config)
    pairs = choose_pairs(data, config.pairs, config.seed)
    _claim(folder, model, data, config, pairs)
    attacked = fold_batch_norm(model)
    for pair, positions in enumerate(pairs):
        rows_at = folder / f"pair-{pair:04d}.parquet"
        resumed = rows_at.exists()
        if not resumed:
            x, target = data.test.batch(np.array(positions))
            result = attack_pair(attacked, x, target, config, pair)
            _store(rows_at, result, attacked, config, positions, pair)
        if on_pair is not None:
            on_pair(PairDone(pair, len(pairs), resumed))
    flags = battery_flags(read_rows(folder, "pair-*.parquet"))
    write_json(folder / "flags.json", [flag.as_dict() for flag in flags])
    return folder


def _claim(
    folder: Path,
    model: HierarchicalVAE,
    data: ImageData,
    config: AttackConfig,
    pairs: list[tuple[int, int]],
) -> None:
    """Make the battery's folder, or make sure that it is the same battery's."""
    about = {
        "format": 1,
        "config": asdict(config),
        "data": data.name,
        "test_images": len(data.test),
        "pairs": [list(pair) for pair in pairs],
        "weights": config.weights,
        "path": config.path,
        "layers": list(parse_layers(config.layers, len(model.latent_sizes))),
        "model": digest_of(asdict(model.architecture), model.state_dict()),
    }
    about["digest"] = digest_of(_decisive(about))
    stated = folder / "battery.json"
    if stated.exists():
        found = read_json(stated)
        if found.get("digest") != about["digest"]:
            differing = [key for key in about if found.get(key) != about[key] and key != "digest"]
            raise ForeignStateError(
                f"{folder} holds a battery with another {', '.join(differing)}: expected the one "
                f"being resumed; delete that folder to attack anew"
            )
        return
    atomic_write(folder / "config.toml", dump_toml(config).encode())
    write_json(stated, about)


def _decisive(about: dict[str, Any]) -> dict[str, Any]:
    """What decides the numbers: all but how fast they are computed."""
    config = {key: value for key, value in about["config"].items() if key != "threads"}
    return {**about, "config": config}


def _store(
    path: Path,
    result: PairResult,
    model: HierarchicalVAE,
    config: AttackConfig,
    positions: tuple[int, int],
    pair: int,
) -> None:
    problem = result.problem
    images = {
        "x": problem.x.view(problem.image_shape),
        "target": problem.target.view(problem.image_shape),
        "adversarial": result.adversarial.view(-1, *problem.image_shape),
    }
    identity = {
        "pair": pair,
        "input_index": positions[0],
        "target_index": positions[1],
        "loss": config.loss,
        "layers": config.layers,
        "path": config.path or ("common" if config.loss == "output" else "mean"),
        "protocol": config.protocol,
        "seed": config.seed,
    }
    checks = asdict(probe(model, result, generator_for(config.seed, pair, 4)))
    noise = matched_noise(result, generator_for(config.seed, pair, 5))
    beaten = noise < result.delta - _PREFERRED * problem.span
    write_tensors(path.with_suffix(".safetensors"), images)
    write_rows(
        path,
        [
            {**identity, **row, **checks, "noise_beats": beats}
            for row, beats in zip(result.rows(), beaten.tolist(), strict=True)
        ],
    )
