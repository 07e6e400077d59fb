"""Settings of an evaluation: bounds, aggregate posterior, reconstruction, optional metrics."""

from dataclasses import dataclass

from seatbelt_vae.config.attack import STRENGTHS
from seatbelt_vae.config.checks import at_least, one_of, positive
from seatbelt_vae.errors import ConfigError

__all__ = ["EvaluationConfig"]

OPTIONAL_METRICS = ("denoising", "mig", "downstream", "probes", "codes")


@dataclass(frozen=True)
class EvaluationConfig:
    """The evaluation of a trained model on held-out images.

    Args:
        images: number of test images for the ELBO, the importance-weighted bound (IWAE), the
            reconstruction error and the norm ‖σ‖ of posterior standard deviations.
        iwae_draws: number K of importance samples of the IWAE bound.
        aggregate_images: number of training images whose mean posterior is the aggregate posterior
            q(z), 0 for all.
        aggregate_queries: draws z ~ q(z) over which total correlation (TC) and mutual information
            are averaged.
        max_chains: maximum number of draws of the lower layers per image, for the TC bounds of
            models with several layers.
        traversals: number of test images with latent traversals.
        optional_metrics: further measures: `denoising` is log p(x|z) of images encoded with noise;
            `mig` is the mutual information gap between units and known factors; `downstream` trains
            classifiers on reconstructions and on codes and attacks the codes; `probes` attacks
            classifiers within L2 budgets; `codes` stores the top layer's posterior of each test
            image (default: none).
        mig_images: number of training images that form q(z) for `mig`, 0 for all.
        mig_queries: draws z ~ q(z) over which the mutual information of `mig` is averaged.
        downstream_factor: the factor to classify (default: the one called class, or the only one),
            of `downstream` and `probes`.
        downstream_training: number of training images of the classifiers, 0 for all.
        downstream_images: number of test images to attack, each with an image of another class as
            target.
        downstream_strengths: strengths of the attacks of `downstream`, whose penalty weight is
            λ = 1: `strong`, `single` or `paper`.
        downstream_budgets: budgets of `probes`, as shares of the distance to the target.
        downstream_evaluations: maximum number of gradient evaluations per descent.
        seed: seed of the chosen images and the noise.
        batch_size: images per batch.
        threads: CPU threads (default: PyTorch's choice).
    """

    images: int = 1000
    iwae_draws: int = 64
    aggregate_images: int = 0
    aggregate_queries: int = 1000
    max_chains: int = 512
    traversals: int = 2
    optional_metrics: tuple[str, ...] = ()
    mig_images: int = 20_000
    mig_queries: int = 5000
    downstream_factor: str | None = None
    downstream_training: int = 10_000
    downstream_images: int = 100
    downstream_strengths: tuple[str, ...] = ("strong", "paper")
    downstream_budgets: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.3)
    downstream_evaluations: int = 500
    seed: int = 0
    batch_size: int = 250
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in (
            *("images", "iwae_draws", "aggregate_queries", "mig_queries", "batch_size"),
            *("downstream_images", "downstream_evaluations"),
        ):
            positive(name, getattr(self, name))
        for name in ("aggregate_images", "traversals", "mig_images", "downstream_training", "seed"):
            at_least(name, getattr(self, name), 0)
        at_least("max_chains", self.max_chains, 8)
        for measure in self.optional_metrics:
            one_of("measure", measure, OPTIONAL_METRICS)
        for strength in self.downstream_strengths:
            one_of("strength", strength, STRENGTHS)
        if not all(0 < budget <= 1 for budget in self.downstream_budgets):
            raise ConfigError(
                f"downstream_budgets is {self.downstream_budgets}, expected shares above 0 and at "
                f"most 1"
            )
        if self.threads is not None:
            positive("threads", self.threads)
