"""Run folders like those of the demo, with synthetic images instead of a model."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from seatbelt_vae.attacks import FLAGS
from seatbelt_vae.config import (
    AttackConfig,
    DataConfig,
    ModelConfig,
    RunConfig,
    TrainingConfig,
    dump_toml,
    resolve,
)
from seatbelt_vae.evaluation.distortion_damage import auddc, auddc_worst
from seatbelt_vae.evaluation.measures import BUDGETS, PAIR_MEASURES
from seatbelt_vae.evaluation.suite_summary import summarise
from seatbelt_vae.runs import FORMAT, RunFolder, atomic_write, write_json, write_rows, write_tensors

Image = NDArray[np.float32]
Row = dict[str, Any]

SIDE = 64
WEIGHTS = 2.0 ** np.linspace(-10, 4, 29)


@dataclass(frozen=True)
class Kind:
    """Properties of a model: weakness to attacks, and sharpness of reconstructions."""

    preset: str
    latent_sizes: tuple[int, ...]
    softness: float
    blur: float
    elbo: float


KINDS = {
    "vae": Kind("vae", (10,), 2.6, 1.2, -88.0),
    "beta-tcvae": Kind("beta-tcvae", (10,), 1.9, 1.9, -104.0),
    "seatbelt": Kind("seatbelt", (24, 12, 6), 1.2, 1.5, -95.0),
}


def write_demo(root: Path, pairs: int = 5, names: Sequence[str] = tuple(KINDS)) -> list[RunFolder]:
    """One finished, attacked, measured and evaluated run of each named kind."""
    folders = [write_trained(root / name, KINDS[name]) for name in names]
    for folder, name in zip(folders, names, strict=True):
        write_suite(folder, KINDS[name], pairs)
        write_evaluation(folder, KINDS[name])
    return folders


def write_trained(path: Path, kind: Kind) -> RunFolder:
    """A run that is trained, without attacks and evaluation."""
    model = ModelConfig(preset=kind.preset, latent_sizes=kind.latent_sizes)
    config = RunConfig(DataConfig("dsprites"), model, training=TrainingConfig(steps=2000))
    folder = RunFolder.create(path, config)
    folder.write_json("model.json", asdict(resolve(model, "dsprites", (1, 64, 64), (-1.0, 1.0))))
    write_tensors(path / "model.safetensors", {"weight": torch.tensor([kind.blur])})
    noise = np.random.default_rng(0)
    rows = []
    for step in range(1, 2001, 4):
        elbo = kind.elbo - 2800 * np.exp(-step / 40) - 300 * np.exp(-step / 300)
        noisy = elbo + 9 * noise.standard_normal()
        rows.append({"step": step, "split": "train", "elbo": noisy})
        if step % 100 == 1:
            rows.append({"step": step, "split": "validation", "elbo": elbo})
    write_rows(path / "metrics" / "part-000002000.parquet", rows)
    return folder


def sprite(seed: int) -> Image:
    """A white square, ellipse or heart on black, in [−1, 1]."""
    draw = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    u, v = x - draw.uniform(20, 44), y - draw.uniform(20, 44)
    angle, size = draw.uniform(0, 6.28), draw.uniform(7, 12)
    u, v = (u * np.cos(angle) + v * np.sin(angle)) / size, (v * np.cos(angle) - u * np.sin(angle))
    v = v / size
    inside = [
        np.maximum(abs(u), abs(v)) < 0.85,
        u**2 + 2.5 * v**2 < 1,
        (u**2 + v**2 - 0.55) ** 3 < 1.4 * u**2 * v**3,
    ][seed % 3]
    return np.where(inside, 1.0, -1.0).astype(np.float32)


def blurred(image: Image, width: float) -> Image:
    """A model's reconstruction: the image under a Gaussian blur."""
    filtered = gaussian_filter(image.astype(np.float64), width, mode="nearest", radius=6)
    return filtered.astype(np.float32)


def write_suite(
    folder: RunFolder, kind: Kind, pairs: int, settings: AttackConfig | None = None
) -> Path:
    """A finished and measured suite."""
    settings = settings or AttackConfig(pairs=pairs)
    place = folder.path / "attacks" / f"{settings.loss}-{settings.strength}"
    atomic_write(place / "config.toml", dump_toml(settings).encode())
    made = [_Pair(kind, pair) for pair in range(pairs)]
    indices = [[pair.index, pair.index + 1] for pair in made]
    digests = {"digest": "0123456789abcdef", "model": "fedcba9876543210"}
    about = {"format": FORMAT, **digests, "data": "dsprites", "pairs": indices}
    write_json(place / "suite.json", about)
    raised = {"not converged"} if kind.preset == "beta-tcvae" else set()
    flags = [
        {"name": name, "raised": name in raised, "value": 0.0, "detail": "0 of 9"} for name in FLAGS
    ]
    write_json(place / "flags.json", flags)
    for pair in made:
        name = f"pair-{pair.number:05d}.parquet"
        write_rows(place / name, pair.attacks)
        write_rows(place / "measures" / name, pair.measures)
        write_rows(place / "budgets" / name, pair.budgets)
        write_rows(place / "pairs" / name, [pair.row])
        write_tensors((place / "budgets" / name).with_suffix(".safetensors"), pair.pictures)
    write_json(place / "summary.json", summarise([pair.row for pair in made], flags))
    return place


class _Pair:
    """One attacked pair: distance and movement of every λ follow two smooth laws."""

    def __init__(self, kind: Kind, number: int) -> None:
        self.number, self.index, self.kind = number, 10 * number, kind
        self.x, self.target = sprite(3 * number + 1), sprite(7 * number + 2)
        self.rec_x, self.rec_target = blurred(self.x, kind.blur), blurred(self.target, kind.blur)
        self.image_distance = float(np.linalg.norm(self.target - self.x))
        wobble = np.random.default_rng(number).uniform(0.75, 1.25)
        self.softness = kind.softness * wobble
        self.start = 900.0 * wobble * len(kind.latent_sizes)

    def moved(self, epsilon: float) -> float:
        """Share of the way of the reconstruction at a relative distortion ε."""
        return float(1 - np.exp(-2 * self.softness * epsilon))

    @property
    def attacks(self) -> list[Row]:
        rows = []
        for relative in WEIGHTS:
            distance = float(np.clip(-np.log2(relative / 16) / 16, 0, 0.85))
            ratio = min((1 - self.moved(distance)) ** 1.5, relative * (1 - distance))
            weight = relative * self.start / self.image_distance
            delta = self.start * min(ratio + relative * distance, 1.0)
            rows.append(
                {
                    "pair": self.number,
                    "level": weight,
                    "level_relative": relative,
                    "delta": delta,
                    "bound": self.start * min(1.0, relative),
                    "divergence": self.start * ratio,
                    "divergence_start": self.start,
                    "divergence_floor": 0.0,
                    "divergence_ratio": ratio,
                    "distance_relative": distance,
                    "status": "converged",
                }
            )
        return rows

    @property
    def measures(self) -> list[Row]:
        return [
            {
                "pair": self.number,
                "level": row["level"],
                "gap": 1 - self.moved(row["distance_relative"]),
                "distortion": 1 - 1.05 * self.moved(row["distance_relative"]),
                "distance_relative": row["distance_relative"],
                "nll_target": 400.0,
                "nll_target_floor": 150.0,
                "target_error": 12.0,
                "told_apart": True,
                "told_apart_distortion": True,
            }
            for row in self.attacks
        ]

    @property
    def budgets(self) -> list[Row]:
        return [
            {
                "pair": self.number,
                "epsilon": epsilon,
                "gap": 1 - self.moved(epsilon),
                "how": "shortened" if epsilon < 0.3 else "row",
                "blend_gap": 1 - epsilon * 1.15,
                "identity_gap": 1 - epsilon,
                "distance_relative": epsilon,
                "told_apart": True,
            }
            for epsilon in BUDGETS
        ]

    @property
    def row(self) -> Row:
        curve = [(row["distance_relative"], row["distortion"]) for row in self.measures]
        numbers = dict.fromkeys(PAIR_MEASURES, 0.5) | {
            "delta": self.start / 3,
            "divergence_start": self.start,
            "reconstruction_error": 0.05 + 0.04 * self.kind.blur,
            "unconverged_share": 0.0,
            "auddc": auddc(*zip(*curve, strict=True)).value,
            "auddc_worst": auddc_worst(*zip(*curve, strict=True)).value,
        }
        for budget in self.budgets:
            numbers[f"gap@{budget['epsilon']:g}"] = budget["gap"]
            numbers[f"blend_gap@{budget['epsilon']:g}"] = budget["blend_gap"]
        return {
            "pair": self.number,
            "input_index": self.index,
            "target_index": self.index + 1,
            "image_distance": self.image_distance,
            "told_apart": True,
            "told_apart_distortion": True,
            "auddc_dropped": 0,
            **numbers,
        }

    @property
    def pictures(self) -> dict[str, torch.Tensor]:
        noise = np.random.default_rng(self.number).standard_normal((SIDE, SIDE))
        shape = (blurred(noise, 1.0) + 0.3 * (self.target - self.x)) * (
            0.3 + abs(blurred(self.target - self.x, 3.0))
        )
        shape *= self.image_distance / np.linalg.norm(shape)
        adversarial = [np.clip(self.x + e * shape, -1, 1) for e in BUDGETS]
        reconstruction = [
            self.rec_x + self.moved(e) * (self.rec_target - self.rec_x) for e in BUDGETS
        ]
        return {
            "adversarial": _tensor(adversarial),
            "reconstruction": _tensor(reconstruction),
            "x": _tensor(self.x),
            "target": _tensor(self.target),
            "reconstruction_x": _tensor(self.rec_x),
            "reconstruction_target": _tensor(self.rec_target),
        }


def _tensor(images: Image | list[Image]) -> torch.Tensor:
    return torch.from_numpy(np.expand_dims(np.asarray(images, dtype=np.float32), -3))


def write_evaluation(folder: RunFolder, kind: Kind) -> None:
    """The measures and pictures of `evaluate`."""
    place = folder.path / "evaluation"
    depth, draw = len(kind.latent_sizes), np.random.default_rng(1)
    bracket = {"lower": 0.4, "upper": 0.4 + 0.2 * (depth - 1), "chains": 8, "images": 500}
    sigma = 0.2 + 0.05 * draw.standard_normal((300, depth)) + 0.25 * np.arange(depth)
    sigma = abs(sigma) * np.sqrt(kind.latent_sizes)
    measures = {
        "images": 500,
        "elbo": kind.elbo,
        "iwae": kind.elbo + 4,
        "iwae_draws": 64,
        "log_likelihood": kind.elbo + 25,
        "divergences": [25.0 / depth] * depth,
        "active_units": [max(1, size // 2) for size in kind.latent_sizes],
        "active_threshold": 0.01,
        "sigma_norm": {"mean": sigma.mean(0).tolist()},
        "unexplained_variance": 0.05 + 0.04 * kind.blur,
        "iou": 0.96 - 0.06 * kind.blur,
        "total_correlation": bracket,
        "mutual_information": bracket,
    }
    rows = [{"image": i, "sigma_norm": s, "elbo": kind.elbo} for i, s in enumerate(sigma.tolist())]
    write_rows(place / "sigma.parquet", rows)
    images = [sprite(seed) for seed in range(40, 56)]
    chosen = [(layer, unit) for layer in range(depth) for unit in range(3)]
    traversal = [
        [[_shifted(image, unit, t, kind.blur) for t in range(-4, 5)] for _, unit in chosen]
        for image in images[:2]
    ]
    pictures = {
        "x": _tensor(images),
        "reconstruction": _tensor([blurred(image, kind.blur) for image in images]),
        "traversals": torch.tensor(np.array(traversal))[:, :, :, None],
        "traversal_layer": torch.tensor([layer for layer, _ in chosen]),
        "traversal_unit": torch.tensor([unit for _, unit in chosen]),
        "traversal_value": torch.linspace(-3, 3, 9),
    }
    write_tensors(place / "pictures.safetensors", pictures)
    write_json(place / "measures.json", measures)


def _shifted(image: Image, unit: int, amount: int, blur: float) -> Image:
    if unit == 2:
        return blurred(image, blur + abs(amount) / 3)
    return blurred(np.roll(image, 3 * amount, axis=unit), blur)
