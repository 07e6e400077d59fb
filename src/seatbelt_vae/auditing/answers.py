"""Answers beyond the attacked pairs: survival of transformations, and universal distortions."""

from dataclasses import replace
from pathlib import Path

import torch

from seatbelt_vae.attacks.threats import budget_of
from seatbelt_vae.auditing.audited_images import AuditedImages
from seatbelt_vae.auditing.pair_store import AuditedPairs
from seatbelt_vae.auditing.results import stated
from seatbelt_vae.auditing.survival import survival
from seatbelt_vae.auditing.threat_budgets import norm_of, threats_of
from seatbelt_vae.auditing.universal import STARTS, mean_distance, universal_distortion
from seatbelt_vae.config.audit import AuditConfig, scaled
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.protocol import Autoencoder, bounds_of, event_shape_of
from seatbelt_vae.runs import write_json, write_tensors
from seatbelt_vae.runs.audit_answers import Lines, Result
from seatbelt_vae.runs.checked_files import checked_table

__all__ = [
    "UNIVERSAL_IMAGES",
    "survival_results",
    "universal_evaluations",
    "universal_results",
]

_LEAST_MOVED = 0.05
UNIVERSAL_IMAGES = 32
"""Images of a universal distortion: half to fit it, half to measure it."""

_UNIVERSAL_EVALUATIONS = 30


def survival_results(
    model: Autoencoder, pairs: AuditedPairs, images: AuditedImages, config: AuditConfig
) -> list[Result]:
    """The share of the way to the target that the worst cases keep, per transformation.

    Under the middle budget of the first threat; over the pairs whose worst case moved the
    reconstruction by at least 0.05 of the way.
    """
    threat, budgets = next(iter(threats_of(config, event_shape_of(model)).items()))
    middle, numbers = len(budgets) // 2, range(len(images.pairs))
    attacked = torch.stack([pairs.images(n)[f"{threat}_adversarial"][middle] for n in numbers])
    x, target = images.sides(numbers)
    unit = None if bounds_of(model).finite else images.references.std(0)
    found = survival(model, x, target, attacked, unit=unit, seed=config.seed)
    results = []
    for name, each in found.items():
        moved, kept = 1 - each.before, 1 - each.after
        known = (moved >= _LEAST_MOVED).nonzero()[:, 0]
        shares = (kept[known] / moved[known]).tolist()
        results.append(stated(f"survival_{name}", threat, budgets[middle], shares, config.seed))
    return results


def universal_results(
    folder: Path, model: Autoencoder, images: AuditedImages, config: AuditConfig
) -> list[Result]:
    """Damage of one distortion for many images under the middle budget of each threat.

    The blend line is that of noise of the same size. ``universal/`` keeps one file per threat.
    """
    results = []
    for threat, budgets in threats_of(config, event_shape_of(model)).items():
        budget = budgets[len(budgets) // 2]
        path = folder / "universal" / f"{threat}.json"
        if not (path.exists() and path.with_suffix(".safetensors").exists()):
            _find_universal(path, model, images, config, threat, budget)
        held_out, noise = _stored_universal(path)
        result = stated("universal_damage", threat, budget, held_out, config.seed)
        results.append(replace(result, lines=Lines(identity=1.0, blend=noise)))
    return results


def universal_evaluations(config: AuditConfig) -> int:
    """Gradient evaluations of a universal distortion under one threat."""
    return scaled(_UNIVERSAL_EVALUATIONS, config.effort) * STARTS * (UNIVERSAL_IMAGES // 2)


def _stored_universal(path: Path) -> tuple[list[float], float]:
    """The damage of the images that a distortion was not fitted to, and that of noise."""
    found = checked_table(path, ["held_out", "noise"])
    try:
        return [float(value) for value in found["held_out"]], float(found["noise"])
    except (TypeError, ValueError, OverflowError) as error:
        raise ArtifactError(f"{path} is damaged ({error}): move it away and audit again") from None


def _find_universal(
    path: Path,
    model: Autoencoder,
    images: AuditedImages,
    config: AuditConfig,
    threat: str,
    budget: float,
) -> None:
    inputs = images.references[:UNIVERSAL_IMAGES]
    kind = budget_of(norm_of(threat), model)
    unit = mean_distance(inputs) if threat == "l2" else 1.0
    if threat == "linf" and kind.units is None:
        unit = bounds_of(model).span
    found = universal_distortion(
        model,
        inputs,
        kind,
        budget * unit,
        evaluations=scaled(_UNIVERSAL_EVALUATIONS, config.effort),
        seed=config.seed,
    )
    write_tensors(path.with_suffix(".safetensors"), {"distortion": found.distortion})
    write_json(
        path,
        {
            "fitted": found.fitted.tolist(),
            "held_out": found.held_out.tolist(),
            "noise": float(found.noise.mean()),
        },
    )
