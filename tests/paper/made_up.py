"""A results store without runs: synthetic numbers of the paper's models in all columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from seatbelt_vae.paper.experiment import Experiment, PaperAttack
from seatbelt_vae.paper.paper_model import Model
from seatbelt_vae.paper.quantities import STRENGTHS
from seatbelt_vae.paper.sizes import Size
from seatbelt_vae.results.columns import Known, views

Row = dict[str, Any]

_VIEWS: Mapping[str, Known] = {
    **views(),
    "members": dict.fromkeys(("experiment", "series", "run"), pa.string()),
    "suites": {**views()["suites"], "vary": pa.string()},
    "evaluations": {**views()["evaluations"], "mig": pa.float64()},
    "denoising": {
        **dict.fromkeys(("run",), pa.string()),
        "image": pa.int64(),
        **dict.fromkeys(("sigma", "log_likelihood"), pa.float64()),
    },
    "downstream": {
        **dict.fromkeys(("run", "strength", "classifier"), pa.string()),
        **dict.fromkeys(("image", "label", "clean_prediction", "attacked_prediction"), pa.int64()),
        "distance_relative": pa.float64(),
    },
}
CLASSIFIERS = ("mlp-reconstruction", "conv-reconstruction", "mlp-latents")


@dataclass
class MadeUp:
    """Views as tables of a database in memory; ``query`` behaves as in the results store."""

    views: dict[str, list[Row]]
    connection: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def __post_init__(self) -> None:
        for name in {**_VIEWS, **self.views}:
            self.connection.register(name, _table(name, self.views.get(name, [])))

    def query(self, sql: str) -> pa.Table:
        return self.connection.sql(sql).to_arrow_table()


def _table(name: str, rows: Sequence[Row]) -> pa.Table:
    """Rows with every column of the real view; columns without numbers are null."""
    own = pa.Table.from_pylist(rows)
    for column, kind in _VIEWS.get(name, {}).items():
        if column not in own.column_names:
            own = own.append_column(column, pa.nulls(len(rows), kind))
    return own


def made_up(experiments: Iterable[Experiment], size: Size, pairs: int = 12) -> MadeUp:
    """Numbers of all models of some experiments, each following laws of β with noise."""
    members: list[Row] = []
    attacks: dict[Model, dict[PaperAttack, None]] = {}
    also: dict[Model, set[str]] = {}
    for experiment in experiments:
        for member in experiment.members(size):
            attacks.setdefault(member.model, {}).update(dict.fromkeys(experiment.attacks))
            also.setdefault(member.model, set()).update(experiment.optional_metrics)
            one = {"experiment": experiment.id, "series": member.series, "run": member.model.label}
            if one not in members:
                members.append(one)
    models = [_Made(model, pairs) for model in attacks]
    suites = [
        (made, attack, strength)
        for made in models
        for attack in attacks[made.model]
        for strength in STRENGTHS
    ]
    views = {
        "members": members,
        "runs": [made.run for made in models],
        "evaluations": [made.evaluation("mig" in also[made.model]) for made in models],
        "sigma": _all(made.sigma() for made in models),
        "suites": [made.suite(*of) for made, *of in suites],
        "pairs": _all(made.pair_rows(*of) for made, *of in suites),
        "attacks": _all(made.attack_rows(*of) for made, *of in suites),
        "flags": _all(made.flags(*of) for made, *of in suites),
    }
    for name, rows in {
        "denoising": _Made.denoising,
        "downstream": _Made.downstream,
        "codes": _Made.codes,
    }.items():
        found = _all(rows(made) for made in models if name in also[made.model])
        if found:
            views[name] = found
    return MadeUp({name: rows for name, rows in views.items() if rows})


def _all(parts: Iterable[Iterable[Row]]) -> list[Row]:
    return [row for part in parts for row in part]


class _Made:
    """One model and its numbers: deep and penalised models are robust and blurry."""

    def __init__(self, model: Model, pairs: int) -> None:
        self.model, self.count = model, pairs
        self.noise = np.random.default_rng([len(model.label), *model.label.encode()])
        deep = len(model.latent_sizes) > 1 and model.preset != "tc-dlgm"
        self.hard = np.log(model.beta) * (0.9 if deep else 0.45)
        self.luck = float(np.exp(0.2 * self.noise.standard_normal()))

    @property
    def run(self) -> Row:
        model = self.model
        sizes = list(model.latent_sizes)
        return {
            "run": model.label,
            "data": model.data,
            "preset": model.preset,
            "beta": float(model.beta),
            "depth": len(sizes),
            "latent_sizes": sizes,
            "top_size": sizes[-1],
            "seed": model.seed,
        }

    def evaluation(self, with_mig: bool) -> Row:
        loss = (25.0 if len(self.model.latent_sizes) > 1 else 60.0) * (self.model.beta - 1) ** 0.9
        loss *= 1.8 if self.model.preset == "beta-vae" else 1.0
        elbo = -180.0 - loss * self.luck
        mig = 0.05 + 0.3 * self.noise.random() if with_mig else None
        return {
            "run": self.model.label,
            "images": 500,
            "elbo": elbo,
            "log_likelihood": elbo + 30.0,
            "mig": mig,
        }

    def sigma(self, images: int = 80) -> Iterator[Row]:
        middle = 0.8 + 0.5 * np.log(self.model.beta)
        width = 0.05 if self.model.preset == "beta-vae" else 0.2
        for image, value in enumerate(middle + width * self.noise.standard_normal(images)):
            yield {"run": self.model.label, "image": image, "sigma_norm": [float(value)]}

    def suite(self, attack: PaperAttack, strength: str) -> Row:
        return {
            "run": self.model.label,
            "suite": _suite(attack, strength),
            "loss": attack.loss,
            "layers": attack.layers,
            "strength": strength,
            "vary": attack.vary,
            "seed": 0,
            "pairs": self.count,
        }

    def pair_rows(self, attack: PaperAttack, strength: str) -> Iterator[Row]:
        scale = {"latent-kl": 2e4, "latent-w2": 15.0, "output": 900.0}[attack.loss]
        less = {"all": 1.0, "bottom": 1.1, "top": 1.9}[attack.layers]
        for pair in range(self.count):
            own = np.random.default_rng([pair, 7])
            here = 0.03 * np.random.default_rng([pair, *self.model.label.encode()]).random()
            start = scale * np.exp(0.5 * own.standard_normal() + 0.3 * self.hard) * self.luck
            weak = 6.0 if strength == "paper" and self.model.beta > 4 else 1.0
            excess = 90 * self.hard * less + 8 * own.standard_normal() + 90 * here
            gap = min(1.0, 0.25 + 0.2 * self.hard * less + 0.08 * own.standard_normal())
            yield {
                "run": self.model.label,
                "suite": _suite(attack, strength),
                "pair": pair,
                "told_apart": pair != 3 or self.model.beta < 10 or self.model.seed > 0,
                "told_apart_distortion": True,
                "gap@0.2": max(gap + here + 0.05 * (strength == "paper"), 0.02),
                "gap_of_rows@0.2": max(gap + here + 0.05, 0.03),
                "blend_gap@0.2": 0.86 + 0.02 * own.standard_normal(),
                "first_order_gap@0.2": max(gap + 0.05, 0.04),
                "auddc_worst": 0.4,
                "auddc": 0.5,
                "target_reconstruction_error": 5 + 2 * np.log(self.model.beta),
                "delta_mean": 0.9 * start * weak,
                "bound_mean": start,
                "nll_target": 150 + 10 * np.log(self.model.beta) + excess,
                "nll_excess": excess,
                "target_error": 8 + 3 * self.hard + own.standard_normal(),
                "distance": 9 + own.standard_normal() - self.hard,
            }

    def attack_rows(self, attack: PaperAttack, strength: str) -> Iterator[Row]:
        for pair in range(min(self.count, 2)):
            for level in (2.0**-20, 1.0, 2.0**20):
                yield {
                    "run": self.model.label,
                    "suite": _suite(attack, strength),
                    "pair": pair,
                    "loss": attack.loss,
                    "layers": attack.layers,
                    "strength": strength,
                    "seed": 0,
                    "level": level,
                    "delta": 10.0 + level,
                    "divergence_ratio": 0.1,
                    "distance_relative": 0.4,
                    "gap": 0.3,
                    "target_distance": 10.0 + pair + level,
                    "told_apart": pair > 0,
                }

    def flags(self, attack: PaperAttack, strength: str) -> Iterator[Row]:
        exceeded = strength == "paper" and self.model.beta > 4
        for name, raised in {"trivial bound exceeded": exceeded, "not converged": False}.items():
            yield {
                "run": self.model.label,
                "suite": _suite(attack, strength),
                "name": name,
                "raised": raised,
                "value": 3.0,
                "detail": "3 of 120 rows",
            }

    def denoising(self, images: int = 60) -> Iterator[Row]:
        for sigma in (0.0, 0.1, 0.5, 1.0):
            fall = 400 * sigma / self.model.beta**0.6
            for image, noise in enumerate(self.noise.standard_normal(images)):
                value = -120 - 6 * self.model.beta - fall + (15 + 40 * sigma) * noise
                yield {
                    "run": self.model.label,
                    "image": image,
                    "sigma": sigma,
                    "log_likelihood": float(value),
                }

    def downstream(self, images: int = 30) -> Iterator[Row]:
        kept = {"vae": 0.35, "beta-tcvae": 0.55}.get(self.model.preset, 0.75)
        for strength in ("clean", "strong", "paper"):
            for classifier in CLASSIFIERS:
                for image in range(images):
                    right = self.noise.random() < 0.85
                    still = self.noise.random() < kept + 0.1 * (strength == "paper")
                    yield {
                        "run": self.model.label,
                        "image": image,
                        "label": 3,
                        "strength": strength,
                        "classifier": classifier,
                        "clean_prediction": 3 if right else 5,
                        "attacked_prediction": None
                        if strength == "clean"
                        else 3
                        if right and still
                        else 7,
                        "distance_relative": None if strength == "clean" else 0.6,
                    }

    def codes(self, images: int = 300) -> Iterator[Row]:
        shares = self.noise.random(images)
        shrink = 1 / self.model.beta**0.25
        for image, share in enumerate(shares):
            t = np.pi * (1.5 + 3 * share)
            point = np.array([np.cos(t), np.sin(t)]) * t / (4.5 * np.pi)
            code = 2.2 * shrink * point + (1 - shrink) * self.noise.standard_normal(2)
            yield {
                "run": self.model.label,
                "image": image,
                "angle": int(100 * share),
                "mean": code.tolist(),
                "code": code.tolist(),
                "pixels": point.tolist(),
                "reconstruction": (shrink * point).tolist(),
            }


def _suite(attack: PaperAttack, strength: str) -> str:
    return "-".join(filter(None, (attack.loss, attack.layers, attack.vary, strength)))
