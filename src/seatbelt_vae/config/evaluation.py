"""How a model is measured besides the attacks: bounds, aggregate posterior, reconstruction."""

from dataclasses import dataclass

from seatbelt_vae.config.checks import at_least, positive

__all__ = ["EvaluationConfig"]


@dataclass(frozen=True)
class EvaluationConfig:
    """The evaluation of a trained model on held-out images.

    Args:
        images: test images for ELBO, IWAE, reconstruction and ‖σ‖.
        iwae_draws: importance samples K of the IWAE bound.
        aggregate_images: training images that form the aggregate posterior q(z) (0: all of them).
        aggregate_queries: draws z ~ q(z) over which TC and mutual information are averaged.
        max_chains: most chains per image of the TC bracket when the model has several layers.
        traversals: test images shown with latent traversals.
        seed: seed of the images chosen and the noise.
        batch_size: images encoded at once.
        threads: CPU threads (default: as the machine has).
    """

    images: int = 1000
    iwae_draws: int = 64
    aggregate_images: int = 0
    aggregate_queries: int = 1000
    max_chains: int = 512
    traversals: int = 2
    seed: int = 0
    batch_size: int = 250
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("images", "iwae_draws", "aggregate_queries", "batch_size"):
            positive(name, getattr(self, name))
        for name in ("aggregate_images", "traversals", "seed"):
            at_least(name, getattr(self, name), 0)
        at_least("max_chains", self.max_chains, 8)
        if self.threads is not None:
            positive("threads", self.threads)
