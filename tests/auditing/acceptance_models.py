"""Modules of the users of an audit, as own code: plain, deterministic, convolutional, top-down."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.subjects.test_layered import TopDown
from tests.subjects.test_plausibility import blobs

_PLACES = [folder / "shared/data/public_vaes" for folder in Path(__file__).parents]
PUBLIC = next((place for place in _PLACES if place.exists()), _PLACES[3])
"""The folder of models that others trained; it may be missing."""


def fitted(module: nn.Module, steps: int, loss: Callable[[Tensor], Tensor]) -> nn.Module:
    """The module after training on blobs."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for part in module.modules():
            if hasattr(part, "reset_parameters"):
                part.reset_parameters()
        optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
        for _ in range(steps):
            optimizer.zero_grad()
            loss(blobs(64)).backward()
            optimizer.step()
    return module.eval()


class Plain(nn.Module):
    """``forward`` of flattened images in [0, 1] returns the reconstruction, μ and log σ²."""

    def __init__(self) -> None:
        super().__init__()
        self.heads, self.back = nn.Linear(64, 8), nn.Linear(4, 64)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As in most tutorials: a sample in training, the mean in evaluation."""
        mean, log_variance = self.heads(x).chunk(2, dim=1)
        noise = torch.randn_like(mean) if self.training else torch.zeros_like(mean)
        return self.back(mean + (log_variance / 2).exp() * noise).sigmoid(), mean, log_variance


class Tutorial(Plain):
    """The same with ``encode`` and ``decode``; ``forward`` always draws its code."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log σ²."""
        mean, log_variance = self.heads(x).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z: Tensor) -> Tensor:
        """Pixels in [0, 1]."""
        return self.back(z).sigmoid()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The reconstruction of a sample."""
        mean, log_variance = self.encode(x)
        noise = torch.randn_like(mean)
        return self.decode(mean + (log_variance / 2).exp() * noise), mean, log_variance


def negative_elbo(module: Plain) -> Callable[[Tensor], Tensor]:
    """The loss of a VAE with a Bernoulli likelihood."""

    def loss(x: Tensor) -> Tensor:
        image, mean, log_variance = module(x.flatten(1))
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        return nn.functional.binary_cross_entropy(image, x.flatten(1), reduction="sum") + kl

    return loss


def forward_only() -> nn.Module:
    """A module without ``encode`` and ``decode``."""
    module = Plain()
    return fitted(module, 150, negative_elbo(module))


def tutorial() -> nn.Module:
    """The module of tutorials."""
    module = Tutorial()
    return fitted(module, 150, negative_elbo(module))


class Convolutional(nn.Module):
    """A deterministic autoencoder with spatial codes of 4×2×2."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 4, 2, 1)
        )
        self.decode = nn.Sequential(
            nn.ConvTranspose2d(4, 8, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 4, 2, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction."""
        found: Tensor = self.decode(self.encode(x))
        return found


def convolutional() -> nn.Module:
    """The trained convolutional autoencoder."""
    module = Convolutional()
    return fitted(module, 80, lambda x: (module(x) - x).square().sum())


def top_down() -> nn.Module:
    """A trained two-layer VAE whose upper layer comes first."""
    module = TopDown()

    def loss(x: Tensor) -> Tensor:
        features = module.encode(x)
        top, _ = module.posterior(features, ())
        below, _ = module.posterior(features, (top,))
        return (module.decode((top, below)) - x).square().sum()

    return fitted(module, 150, loss)


class Block(nn.Module):
    """A residual block of TAESD; some pool over groups of channels first."""

    def __init__(self, pool: bool) -> None:
        super().__init__()
        layers = [nn.Conv2d(64, 64, 3, padding=1) for _ in range(3)]
        self.conv = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
        if pool:
            self.pool = nn.Sequential(
                nn.Conv2d(64, 256, 1, bias=False),
                nn.GroupNorm(4, 256),
                nn.ReLU(),
                nn.Conv2d(256, 64, 1, bias=False),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Features of the same shape."""
        if hasattr(self, "pool"):
            x = x + self.pool(x)
        return nn.functional.relu(self.conv(x) + x)


class Clamp(nn.Module):
    """Soft limits of codes."""

    def forward(self, x: Tensor) -> Tensor:
        """Values in (-3, 3)."""
        return 3 * (x / 3).tanh()


def _down() -> nn.Module:
    return nn.Conv2d(64, 64, 3, 2, 1, bias=False)


def _up() -> list[nn.Module]:
    return [nn.Upsample(scale_factor=2), nn.Conv2d(64, 64, 3, padding=1, bias=False)]


class Taef2(nn.Module):
    """The tiny autoencoder of FLUX.2: 3×H×W in [0, 1] to 32×H/8×W/8."""

    def __init__(self) -> None:
        super().__init__()
        first, last = nn.Conv2d(3, 64, 3, padding=1), nn.Conv2d(64, 32, 3, padding=1)
        blocks = [[Block(pool) for _ in range(3)] for pool in (False, False, True)]
        down = [part for group in blocks for part in (_down(), *group)]
        self.encode = nn.Sequential(first, Block(False), *down, last)
        blocks = [[Block(pool) for _ in range(3)] for pool in (True, False, False)]
        up = [part for group in blocks for part in (*group, *_up())]
        entry = nn.Conv2d(32, 64, 3, padding=1)
        ends = (Block(False), nn.Conv2d(64, 3, 3, padding=1))
        self.decode = nn.Sequential(Clamp(), entry, nn.ReLU(), *up, *ends)


def taef2() -> nn.Module:
    """The published weights in float32."""
    module = Taef2()
    for part, name in ((module.encode, "encoder"), (module.decode, "decoder")):
        weights = load_file(PUBLIC / f"taef2_{name}.safetensors")
        part.load_state_dict({key: weight.float() for key, weight in weights.items()})
    return module.eval()
