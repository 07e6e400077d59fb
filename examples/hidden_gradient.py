"""A model that hides its gradient looks robust, and the validity flags say that it is not.

    python examples/hidden_gradient.py              # trains a small VAE first, about a minute
    python examples/hidden_gradient.py runs/demo/vae

The hidden model is the honest one behind a rounding of its input to eight grey levels, a known
"defence" through which no gradient passes. The gradient attack finds nothing on it; the search by
values alone, and the images made for the honest sibling, do.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from seatbelt_vae import (
    AttackConfig,
    DataConfig,
    ModelConfig,
    RunConfig,
    RunFolder,
    TrainingConfig,
    checked_attack,
    load_data,
    load_model,
    train,
)
from seatbelt_vae.attacks import FLAGS, CheckedAttack, choose_pairs
from seatbelt_vae.distributions import ImageDistribution, Normal
from seatbelt_vae.protocol import Autoencoder, Noise, Posterior

GREY_LEVELS = 8


class HiddenGradient:
    """An autoencoder behind a rounding of its input, which cuts every gradient off."""

    def __init__(self, inner: Autoencoder) -> None:
        self.inner = inner
        self.bounds, self.event_shape = inner.bounds, inner.event_shape
        self.latent_sizes = inner.latent_sizes

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The inner model's posteriors of the rounded images."""
        low, high = self.bounds
        step = (high - low) / (GREY_LEVELS - 1)
        return self.inner.encode(low + ((x - low) / step).round() * step, noise)

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        """The inner model's prior."""
        return self.inner.prior(z)

    def decode(self, z: Sequence[Tensor]) -> ImageDistribution:
        """The inner model's decoder."""
        return self.inner.decode(z)


def small_run(folder: Path, steps: int = 400) -> RunFolder:
    """A small VAE of 32×32 sprites."""
    config = RunConfig(
        data=DataConfig("dsprites", image_size=32),
        model=ModelConfig("vae", latent_sizes=(10,), filters=(16, 16, 32), features=128),
        training=TrainingConfig(steps=steps, batch_size=64, learning_rate=3e-3, threads=1),
    )
    run = RunFolder.create(folder, config)
    data = config.data
    train(run, load_data(data.name, image_size=data.image_size))
    return run


def show(name: str, judged: CheckedAttack) -> None:
    """What each way of attacking left of the divergence, mean over rows; and the raised flags."""
    rows = [row for pair in range(len(judged.checks)) for row in judged.rows(pair)]
    print(f"\n{name}: Δ over the trivial bound (1: nothing found), mean over rows")
    for column, what in (
        ("delta_attack", "gradient attack"),
        ("delta_noise", "random noise"),
        ("delta_gradient_free", "gradient-free search"),
        ("delta_transfer", "images made for the honest model"),
        ("delta", "best of all"),
    ):
        known = [min(1.0, row[column] / row["bound"]) for row in rows if row[column] is not None]
        print(f"  {what:34}{np.mean(known):.3f}" if known else f"  {what:34}–")
    for flag in judged.flags:
        if flag.raised:
            print(f"  flag raised: {flag.name} ({flag.detail})")
            print(f"    it means: {FLAGS[flag.name].means}")


def main(path: Path | None = None, pairs: int = 3) -> dict[str, CheckedAttack]:
    """Attack the honest and the hidden model alike."""
    with tempfile.TemporaryDirectory() as place:
        run = small_run(Path(place) / "vae") if path is None else RunFolder.open(path)
        data = load_data(run.config.data.name, image_size=run.config.data.image_size)
        honest = load_model(run)
    chosen = choose_pairs(data, pairs, seed=0)
    x, target = (data.test.batch(np.array(side)) for side in zip(*chosen, strict=True))
    config = AttackConfig(weight_count=9, restarts=16, gradient_free=600)
    first = checked_attack(honest, x, target, config)
    shown = first.result.adversarial
    second = checked_attack(HiddenGradient(honest), x, target, config, transferred=shown)
    found = {"the honest model": first, "the model that hides its gradient": second}
    for name, judged in found.items():
        show(name, judged)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
