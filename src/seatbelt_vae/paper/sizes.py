"""How large a reproduction is: the same experiments with other numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from seatbelt_vae.config import AttackConfig, EvaluationConfig, ModelConfig, TrainingConfig

__all__ = ["SIZES", "Size"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Size:
    """The numbers of a reproduction.

    Args:
        name: ``smoke``, ``small`` or ``paper``.
        summary: what it takes, in one line.
        betas: β of the curves.
        seeds: training seeds where a claim rests on them.
        seeded_betas: β that are trained with all of them; the others with the first only.
        seeded_data: data sets of which several seeds are trained.
        seeded_throughout: whether models of all sizes are, not only those that claims rest on.
        latents: sizes d_z of models with one layer, where each has a place of its own.
        averaged_latents: those over which a curve averages.
        depths: numbers of layers L.
        attacked_depths: those whose layers are attacked one by one.
        roll_betas: β of the models of the Swiss roll.
        stand_ins: data sets that take another's place.
        only: experiments that are made on fewer data sets than published, and on which.
        image_size: side of the images, where a set can be had at several.
        network: sizes of the networks; None in them is as published.
        training, roll_training: length, batch, learning rate, threads; of images and of points.
        attack: pairs, λ and effort of both strengths.
        evaluation: images and draws of the measures.
    """

    name: str
    summary: str
    betas: tuple[float, ...]
    seeds: tuple[int, ...]
    seeded_betas: tuple[float, ...]
    seeded_data: tuple[str, ...]
    seeded_throughout: bool
    latents: tuple[int, ...]
    averaged_latents: tuple[int, ...]
    depths: tuple[int, ...]
    attacked_depths: tuple[int, ...]
    roll_betas: tuple[float, ...]
    image_size: int | None
    network: ModelConfig
    training: TrainingConfig
    roll_training: TrainingConfig
    attack: AttackConfig
    evaluation: EvaluationConfig
    stand_ins: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    only: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)

    @property
    def latent_size(self) -> int:
        """d_z of the models with one layer that are set beside others."""
        return max(size for size in self.latents if size <= _USUAL_LATENTS)

    @property
    def depth(self) -> int:
        """L of the Seatbelt-VAEs that are set beside others."""
        return max(depth for depth in self.depths if depth <= _USUAL_DEPTH)

    @property
    def least_beta(self) -> float:
        """β of the models without a penalty."""
        return min(self.betas)

    @property
    def most_beta(self) -> float:
        """The largest β, at which claims compare."""
        return max(self.betas)

    def seeds_of(self, data: str, beta: float, *, usual: bool = True) -> tuple[int, ...]:
        """The seeds with which a data set's models at β are trained.

        Args:
            data: the data set.
            beta: β.
            usual: whether it is a model of the usual size, on which claims rest.
        """
        several = data in self.seeded_data and beta in self.seeded_betas
        return self.seeds if several and (usual or self.seeded_throughout) else self.seeds[:1]

    def actual(self, data: str) -> str:
        """The data set that is used for one of the paper's."""
        return self.stand_ins.get(data, data)

    def sets(self, experiment: str, *published: str) -> tuple[str, ...]:
        """The data sets an experiment is made on, each once."""
        chosen = self.only.get(experiment, published)
        return tuple(dict.fromkeys(self.actual(data) for data in chosen))


_USUAL_LATENTS, _USUAL_DEPTH = 32, 4

PAPER = Size(
    name="paper",
    summary="the published grid: for a GPU or a cluster",
    betas=(1, 2, 4, 6, 8, 10),
    seeds=(0, 1, 2),
    seeded_betas=(1, 2, 4, 6, 8, 10),
    seeded_data=("chairs", "faces", "celeba", "dsprites", "fashion-mnist"),
    seeded_throughout=True,
    latents=(4, 8, 16, 32, 64, 128),
    averaged_latents=(4, 8, 16, 32, 64, 128),
    depths=(2, 3, 4, 5),
    attacked_depths=(1, 2, 3, 4, 5),
    roll_betas=(8, 32, 128),
    image_size=None,
    network=ModelConfig(),
    training=TrainingConfig(epochs=50),
    roll_training=TrainingConfig(epochs=500, batch_size=256),
    attack=AttackConfig(weights="published", weight_count=50, pairs=20),
    evaluation=EvaluationConfig(),
)

SMALL = Size(
    name="small",
    summary="32×32 images and half widths: within an hour on two cores",
    betas=(1, 4, 10),
    seeds=(0, 1, 2),
    seeded_betas=(1, 10),
    seeded_data=("chairs", "fashion-mnist"),
    seeded_throughout=False,
    latents=(8, 32),
    averaged_latents=(32,),
    depths=(2, 4),
    attacked_depths=(4,),
    roll_betas=(8, 32, 128),
    image_size=32,
    network=ModelConfig(filters=(16, 16, 32), features=128, hierarchy_widths=(256, 128, 64)),
    training=TrainingConfig(steps=1200, batch_size=64, learning_rate=3e-3, threads=1),
    roll_training=TrainingConfig(steps=1500, batch_size=128, learning_rate=3e-3, threads=1),
    attack=AttackConfig(
        weights="published",
        weight_count=5,
        pairs=10,
        restarts=1,
        recheck=0.0,
        fresh_draws=16,
        threads=1,
        together=5,
    ),
    evaluation=EvaluationConfig(
        images=500,
        iwae_draws=8,
        aggregate_images=2000,
        aggregate_queries=100,
        max_chains=8,
        traversals=0,
        mig_images=3000,
        mig_queries=1000,
        downstream_training=5000,
        downstream_images=50,
        downstream_evaluations=100,
        threads=1,
    ),
    stand_ins=MappingProxyType({"celeba": "chairs"}),
    only=MappingProxyType({"figD8": ("chairs",), "figE9": ("chairs", "faces")}),
)

SMOKE = Size(
    name="smoke",
    summary="seconds: every part runs once, the numbers mean nothing",
    betas=(1, 10),
    seeds=(0,),
    seeded_betas=(),
    seeded_data=(),
    seeded_throughout=False,
    latents=(4,),
    averaged_latents=(4,),
    depths=(2,),
    attacked_depths=(2,),
    roll_betas=(8,),
    image_size=32,
    network=ModelConfig(filters=(4, 4, 8), features=16, hierarchy_widths=(16, 16, 16, 16)),
    training=TrainingConfig(steps=20, batch_size=32, learning_rate=3e-3, threads=1),
    roll_training=TrainingConfig(steps=20, batch_size=32, learning_rate=3e-3, threads=1),
    attack=AttackConfig(
        weights="published",
        weight_count=3,
        pairs=2,
        restarts=0,
        recheck=0.0,
        gradient_free=0,
        max_evaluations=10,
        fresh_draws=2,
        threads=1,
        together=2,
    ),
    evaluation=EvaluationConfig(
        images=20,
        iwae_draws=2,
        aggregate_images=50,
        aggregate_queries=5,
        max_chains=8,
        traversals=0,
        mig_images=100,
        mig_queries=20,
        downstream_training=100,
        downstream_images=2,
        downstream_evaluations=5,
        threads=1,
    ),
    stand_ins=MappingProxyType({"celeba": "dsprites", "chairs": "dsprites", "faces": "dsprites"}),
)

SIZES = {size.name: size for size in (SMOKE, SMALL, PAPER)}
