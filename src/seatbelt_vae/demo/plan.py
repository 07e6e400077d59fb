"""What the demo does: which models, on what, how they are trained, attacked and measured."""

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
    """What the demo does, all of it.

    Args:
        data: the data set.
        models: the models by name; the name is also the run's folder.
        training: how each is trained.
        attack: how each is attacked.
        evaluation: how each is measured; the aggregate posterior is formed by a random part of
            the training images, so that a model takes seconds.
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
        """The same with another seed and length of training."""
        return replace(
            self,
            training=replace(self.training, seed=seed, steps=steps),
            attack=replace(self.attack, seed=seed),
            evaluation=replace(self.evaluation, seed=seed),
        )

    def job(self, name: str) -> Job:
        """What is done with one model."""
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
"""The demo as it ships: β is the presets' (6); 21 λ, 2 restarts a row keep it under 6 minutes."""
