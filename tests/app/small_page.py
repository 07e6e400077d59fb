"""Two small subjects of a page, and a live page of them."""

from dataclasses import replace

import torch

from seatbelt_vae import subject_of_model
from seatbelt_vae.app.app_subject import AppSubject, app_subject
from seatbelt_vae.app.events import Live
from seatbelt_vae.app.limits import LIMITS
from seatbelt_vae.config import ModelConfig, resolve
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.protocol import Autoencoder
from tests.auditing.small_models import SHAPE, images

SETTINGS = {
    "loss": "latent-l2",
    "layers": "all",
    "norm": "l2",
    "budgets": [0.1, 0.3],
    "strength": "single",
}
"""An attack that takes a moment."""


def model(seed: int) -> Autoencoder:
    """A random VAE of 8×8 images in [0, 1] that tells images apart."""
    settings = ModelConfig(preset="vae", network="mlp", features=16, latent_sizes=(4,))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = HierarchicalVAE(resolve(settings, "toy", SHAPE, (0.0, 1.0)))
    with torch.no_grad():
        for weights in made.parameters():
            weights *= 2
    return made.eval()


def subject(name: str = "first", seed: int = 0, names: tuple[str, ...] = ()) -> AppSubject:
    """A subject with two of its images."""
    made = subject_of_model(model(seed), name, source=f"{name}.py:load")
    return app_subject(f"/home/ada/{name}.py:load", made, images(), names=names)


def live(**limits: float) -> Live:
    """A page of two subjects."""
    subjects = {name: subject(name, seed) for seed, name in enumerate(("first", "second"))}
    return Live(subjects, replace(LIMITS, **limits), threads=1)  # type: ignore[arg-type]
