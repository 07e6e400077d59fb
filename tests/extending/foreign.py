"""A foreign model without the protocol; its forward returns (x̂, μ, log σ²)."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seatbelt_vae import load_data


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
    """A model trained for two seconds on sprites of 16×16 pixels."""
    images = (load_data("dsprites", image_size=16).train.batch(np.arange(2000)).flatten(1) + 1) / 2
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = PlainVAE(256)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for step in range(400):
            x = images[torch.arange(100) + 100 * (step % 20)]
            decoded, mean, log_variance = model(x)
            kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
            loss = functional.binary_cross_entropy(decoded, x, reduction="sum") + kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model
