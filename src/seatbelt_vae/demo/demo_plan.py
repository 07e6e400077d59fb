"""The plan of the demo: data, models, training, attack and evaluation."""

from dataclasses import dataclass, replace

from seatbelt_vae.config import (
    AttackConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    RunConfig,
    TrainingConfig,
)
from seatbelt_vae.workflow import Job

__all__ = ["DEMO", "Plan"]

_SMALL = ModelConfig(filters=(16, 16, 32, 32), features=128, hierarchy_widths=(256, 128))


@dataclass(frozen=True)
class Plan:
    """The settings of the demo.

    Args:
        data: the data set.
        models: the models by name, which is also the name of the run folder.
        training: training of each model.
        attack: attack on each model.
        evaluation: evaluation of each model. A random part of the training images forms the
            aggregate posterior, so that it takes seconds.
    """

    data: DataConfig
    models: dict[str, ModelConfig]
    training: TrainingConfig
    attack: AttackConfig
    evaluation: EvaluationConfig

    @property
    def steps(self) -> int:
        """Optimiser steps of each model."""
        return self.training.steps or 0

    def with_seed(self, seed: int, steps: int) -> "Plan":
        """The same plan with another seed and training length."""
        return replace(
            self,
            training=replace(self.training, seed=seed, steps=steps),
            attack=replace(self.attack, seed=seed),
            evaluation=replace(self.evaluation, seed=seed),
        )

    def job(self, name: str) -> Job:
        """The job of one model."""
        run = RunConfig(data=self.data, model=self.models[name], training=self.training)
        return Job(run, (self.attack,), self.evaluation)


DEMO = Plan(
    data=DataConfig(name="dsprites"),
    models={
        "vae": replace(_SMALL, preset="vae", latent_sizes=(10,)),
        "beta-tcvae": replace(_SMALL, preset="beta-tcvae", latent_sizes=(10,)),
        "seatbelt": replace(_SMALL, preset="seatbelt", latent_sizes=(24, 12, 6)),
    },
    training=TrainingConfig(steps=2200, batch_size=64, learning_rate=3e-3, threads=1),
    attack=AttackConfig(pairs=5, weight_count=21, restarts=2, threads=1),
    evaluation=EvaluationConfig(
        images=500,
        iwae_draws=16,
        aggregate_images=20_000,
        aggregate_queries=250,
        max_chains=32,
        threads=1,
    ),
)
"""The default plan: β = 6 from the presets; 21 λ and 2 restarts per row keep it under 6 minutes."""
