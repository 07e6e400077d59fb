"""Sizes of a reproduction: grids of models, training lengths and attack efforts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from seatbelt_vae.config import AttackConfig, EvaluationConfig, ModelConfig, TrainingConfig
from seatbelt_vae.config.hardening import HardeningConfig
from seatbelt_vae.config.model import Likelihood

__all__ = ["SIZES", "Size"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Size:
    """The numbers of a reproduction.

    Args:
        name: ``smoke``, ``small``, ``medium`` or ``paper``.
        summary: its images and cost, in one line.
        betas: β of the curves.
        seeds: training seeds of models that decide claims.
        seeded_betas: β trained with all seeds; other β use the first seed.
        seeded_data: data sets trained with all seeds.
        seeded_throughout: whether all latent sizes use all seeds, or only the usual ones.
        latents: sizes d_z of models with one layer.
        averaged_latents: sizes d_z over which a curve averages.
        depths: numbers of layers L.
        attacked_depths: numbers of layers L of models attacked layer by layer.
        roll_betas: β of the models of the Swiss roll.
        stand_ins: replacements of published data sets.
        only: data sets of experiments that use fewer than published.
        image_size: side of the images, for data sets with several sizes; None is as published.
        network: sizes of the networks; None is as published.
        training, roll_training: training of images, and of points of the Swiss roll.
        attack: pairs, λ and effort of both strengths.
        evaluation: images and draws of the measures.
        warm_up: steps over which the weights of the KL and the TC of images rise.
        likelihood: the likelihood of all models (default: that of each published data set).
        hardening: steps and batches of hardened models.
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
    warm_up: int = 0
    likelihood: Likelihood | None = None
    hardening: HardeningConfig = field(default_factory=HardeningConfig)

    @property
    def latent_size(self) -> int:
        """d_z of models with one layer, in comparisons with other kinds."""
        return max(size for size in self.latents if size <= _USUAL_LATENTS)

    @property
    def depth(self) -> int:
        """L of Seatbelt-VAEs, in comparisons with other kinds."""
        return max(depth for depth in self.depths if depth <= _USUAL_DEPTH)

    @property
    def least_beta(self) -> float:
        """The smallest β, that of models without a penalty."""
        return min(self.betas)

    @property
    def most_beta(self) -> float:
        """The largest β, at which claims compare models."""
        return max(self.betas)

    def seeds_of(self, data: str, beta: float, *, usual: bool = True) -> tuple[int, ...]:
        """The training seeds of a data set's models at β.

        Args:
            data: the data set.
            beta: β.
            usual: whether the model has the usual size, which decides claims.
        """
        several = data in self.seeded_data and beta in self.seeded_betas
        return self.seeds if several and (usual or self.seeded_throughout) else self.seeds[:1]

    def actual(self, data: str) -> str:
        """The data set used in place of a published one."""
        return self.stand_ins.get(data, data)

    def sets(self, experiment: str, *published: str) -> tuple[str, ...]:
        """The distinct data sets of an experiment."""
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
    summary="32×32 images and half widths: one to two hours on two cores",
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

MEDIUM = replace(
    SMALL,
    name="medium",
    summary="64×64 images, the published networks and batches in bf16, 1.3 million images each",
    seeded_data=("faces", "chairs", "fashion-mnist"),
    latents=(32,),
    image_size=64,
    network=ModelConfig(),
    training=TrainingConfig(steps=1300, gradient_clip=500.0, precision="bf16", threads=1),
    warm_up=650,
    attack=AttackConfig(
        weights="published",
        weight_count=5,
        pairs=40,
        fresh_draws=16,
        threads=1,
        together=10,
    ),
    evaluation=EvaluationConfig(
        iwae_draws=16,
        aggregate_images=10_000,
        aggregate_queries=500,
        max_chains=32,
        traversals=0,
        mig_images=10_000,
        mig_queries=2000,
        downstream_images=100,
        threads=1,
    ),
    only=MappingProxyType({}),
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
    training=replace(SMALL.training, steps=20, batch_size=32),
    roll_training=replace(SMALL.training, steps=20, batch_size=32),
    attack=replace(
        SMALL.attack,
        weight_count=3,
        pairs=2,
        restarts=0,
        gradient_free=0,
        max_evaluations=10,
        fresh_draws=2,
        together=2,
    ),
    evaluation=replace(
        SMALL.evaluation,
        images=20,
        iwae_draws=2,
        aggregate_images=50,
        aggregate_queries=5,
        mig_images=100,
        mig_queries=20,
        downstream_training=100,
        downstream_images=2,
        downstream_evaluations=5,
    ),
    stand_ins=MappingProxyType({"celeba": "dsprites", "chairs": "dsprites", "faces": "dsprites"}),
)

SIZES = {size.name: size for size in (SMOKE, SMALL, MEDIUM, PAPER)}
