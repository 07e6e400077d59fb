"""The weakest pairs of an audit as pictures, or as tables of features where inputs are vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from seatbelt_vae.auditing.audit_pictures import AuditPictures
from seatbelt_vae.auditing.threat_budgets import suffix_of
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs.audit_answers import WeakInput
from seatbelt_vae.runs.audit_document import Audit
from seatbelt_vae.runs.checked_files import Tensors, checked_tensors

__all__ = [
    "Budget",
    "Step",
    "UniversalPicture",
    "WeakPair",
    "budgets_of",
    "universal",
    "weakest",
]

Row = dict[str, Any]

_SHOWN, _FEATURES = 8, 5
_HEADLINE = "0.2"
_CLEAN = ("reconstruction_x", "reconstruction_target")
_ATTACKED = ("adversarial", "reconstruction")


@dataclass(frozen=True)
class Budget:
    """One budget: its norm, its name, its position in its norm, whether it is shown first."""

    threat: str
    name: str
    place: int
    first: bool


@dataclass(frozen=True)
class Step:
    """A pair attacked within one budget.

    Args:
        row: the worst case of the gap.
        pictures: PNG data URIs of distortion, adversarial input and its reconstruction, or none.
        features: the features that move most, or none for images.
    """

    row: Row
    pictures: tuple[str, str, str] | None
    features: list[dict[str, float]]


@dataclass(frozen=True)
class WeakPair:
    """A pair: names of its images, class of the input, clean pictures, one step per budget."""

    pair: int
    names: tuple[str, str]
    label: str | None
    clean: dict[str, str]
    steps: list[Step | None]


@dataclass(frozen=True)
class UniversalPicture:
    """A universal distortion of one norm: its picture, or its largest features, and its size."""

    threat: str
    picture: str | None
    features: list[tuple[int, float]]
    scale: float


def budgets_of(audit: Audit) -> list[Budget]:
    """The budgets of all norms; the first shown is 0.2, else the middle one of the first norm."""
    named = [(t.name, name, place) for t in audit.threats for place, name in enumerate(t.budgets)]
    if not named:
        return []
    middle = len(audit.threats[0].budgets) // 2
    names = [name for _, name, _ in named]
    first = names.index(_HEADLINE) if _HEADLINE in names else middle
    return [Budget(*entry, index == first) for index, entry in enumerate(named)]


def weakest(
    folder: Path, audit: Audit, worst: Sequence[Row]
) -> tuple[list[WeakPair], list[float | None]]:
    """The weakest pairs whose images are stored, and the full colour of each budget's distortions.

    Args:
        folder: the folder of the audit.
        audit: the audit.
        worst: one row per pair, threat, budget and goal.
    """
    budgets, rows = budgets_of(audit), _by_pair(worst)
    images = {pair: _images(folder, pair, audit) for pair in _order(audit, rows, budgets)}
    stored = {pair: found for pair, found in images.items() if found}
    pictures = AuditPictures(audit.target)
    scales = [_scale(stored.values(), budget, pictures) for budget in budgets]
    known = {weak.pair: weak for weak in audit.weakest}
    return [
        _weak_pair(pair, rows[pair], known.get(pair), found, budgets, pictures, scales)
        for pair, found in stored.items()
    ], scales


def universal(folder: Path, audit: Audit) -> list[UniversalPicture]:
    """The stored universal distortions, one per norm."""
    found, pictures = [], AuditPictures(audit.target)
    for threat in audit.threats:
        path = folder / "universal" / f"{threat.name}.safetensors"
        if path.exists():
            distortion = _checked(path, {"distortion": audit.target.event_shape})["distortion"]
            scale = pictures.scale(distortion)
            picture = pictures.distortion(distortion, scale) if pictures.drawable else None
            values = distortion.flatten()
            order = values.abs().argsort(descending=True, stable=True)[:_FEATURES].tolist()
            features = [(index, float(values[index])) for index in order]
            found.append(UniversalPicture(threat.name, picture, features, scale))
    return found


def _by_pair(worst: Sequence[Row]) -> dict[int, dict[str, Row]]:
    """The worst cases of the gap, by pair and by budget."""
    found: dict[int, dict[str, Row]] = {}
    for row in worst:
        if row["goal"] == "gap":
            name = suffix_of(row["threat"], row["epsilon"])
            found.setdefault(row["pair"], {})[name] = row
    return found


def _order(
    audit: Audit, rows: Mapping[int, Mapping[str, Row]], budgets: Sequence[Budget]
) -> list[int]:
    """The pairs of the audit's list; without one, those with the smallest gap shown first."""
    listed = [weak.pair for weak in audit.weakest if weak.pair in rows]
    if listed or not budgets:
        return listed[:_SHOWN]
    name = next(budget.name for budget in budgets if budget.first)
    known = {p: by[name] for p, by in rows.items() if name in by and by[name]["told_apart"]}
    return sorted(known, key=lambda pair: known[pair]["value"] or 0.0)[:_SHOWN]


def _images(folder: Path, pair: int, audit: Audit) -> Tensors:
    path = folder / "worst" / f"pair-{pair:05d}.safetensors"
    if not path.exists():
        return {}
    event = audit.target.event_shape
    return _checked(
        path,
        dict.fromkeys(("x", "target", *_CLEAN), event)
        | {f"{t.name}_{of}": (len(t.budgets), *event) for t in audit.threats for of in _ATTACKED},
    )


def _checked(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Tensors:
    """The tensors of a file as float32; an ArtifactError if a shape or a value is wrong."""
    found = {name: t.float() for name, t in checked_tensors(path, list(shapes)).items()}
    for name, shape in shapes.items():
        if found[name].shape != shape or not found[name].isfinite().all():
            raise ArtifactError(
                f"{path}: {name} has shape {tuple(found[name].shape)}, expected finite values of "
                f"shape {shape}: move it away and audit again"
            )
    return found


def _weak_pair(
    pair: int,
    rows: Mapping[str, Row],
    weak: WeakInput | None,
    images: Mapping[str, Tensor],
    budgets: Sequence[Budget],
    pictures: AuditPictures,
    scales: Sequence[float | None],
) -> WeakPair:
    some = next(iter(rows.values()))
    clean = {}
    if pictures.drawable:
        shown, ends = ("x", *_CLEAN), pictures.ends(images["x"], images["target"])
        clean = {name: pictures.image(images[name], ends) for name in shown}
    steps = [
        _step(rows.get(budget.name), images, budget, pictures, scale)
        for budget, scale in zip(budgets, scales, strict=True)
    ]
    positions = str(some["input_index"]), str(some["target_index"])
    names, label = (positions, None) if weak is None else (weak.shown, weak.label)
    return WeakPair(pair, names, label, clean, steps)


def _step(
    row: Row | None,
    images: Mapping[str, Tensor],
    budget: Budget,
    pictures: AuditPictures,
    scale: float | None,
) -> Step | None:
    if row is None or scale is None or f"{budget.threat}_adversarial" not in images:
        return None
    adversarial = images[f"{budget.threat}_adversarial"][budget.place]
    reconstruction = images[f"{budget.threat}_reconstruction"][budget.place]
    if not pictures.drawable:
        return Step(row, None, _features(images, adversarial, reconstruction))
    ends = pictures.ends(images["x"], images["target"])
    drawn = (
        pictures.distortion(adversarial - images["x"], scale),
        pictures.image(adversarial, ends),
        pictures.image(reconstruction, ends),
    )
    return Step(row, drawn, [])


def _features(
    images: Mapping[str, Tensor], adversarial: Tensor, reconstruction: Tensor
) -> list[dict[str, float]]:
    """The features with the largest distortion, largest first."""
    columns = {
        "input": images["x"],
        "adversarial": adversarial,
        "distortion": adversarial - images["x"],
        "reconstruction": images["reconstruction_x"],
        "its_reconstruction": reconstruction,
        "target_reconstruction": images["reconstruction_target"],
    }
    flat = {name: values.flatten() for name, values in columns.items()}
    order = flat["distortion"].abs().argsort(descending=True, stable=True)[:_FEATURES].tolist()
    return [
        {"index": index, **{name: float(values[index]) for name, values in flat.items()}}
        for index in order
    ]


def _scale(stored: Any, budget: Budget, pictures: AuditPictures) -> float | None:
    """The largest distortion of all pairs within a budget, mean over channels."""
    name = f"{budget.threat}_adversarial"
    found = [
        pictures.scale(images[name][budget.place] - images["x"])
        for images in stored
        if name in images and budget.place < len(images[name])
    ]
    return max(found) if found else None
