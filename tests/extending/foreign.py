"""A foreign model without the protocol; its forward returns (x̂, μ, log σ²)."""

import torch
from torch import Tensor, nn


class PlainVAE(nn.Module):
    """A tutorial VAE on flattened images in [0, 1]."""

    def __init__(self, pixels: int, units: int = 4) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, 32), nn.ReLU(), nn.Linear(32, 2 * units))
        self.decoder = nn.Sequential(nn.Linear(units, 32), nn.ReLU(), nn.Linear(32, pixels))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, dim=-1)
        return mean, log_variance

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z).sigmoid()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encode(x)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return self.decode(z), mean, log_variance


def load() -> nn.Module:
    """An untrained model of 16×16 sprites."""
    torch.manual_seed(0)
    return PlainVAE(256)
