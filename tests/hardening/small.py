"""A small model of bars, its images, and short settings of a hardening."""

from pathlib import Path

from seatbelt_vae.config import HardeningConfig

MODEL = '''
import torch
from torch import nn
from torch.nn.functional import interpolate

class Small(nn.Module):
    """A VAE of 8 × 8 images in [0, 1]."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 12))
        self.decoder = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 64))

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=1)

    def decode(self, z):
        return self.decoder(z).sigmoid()

def images(count=400):
    coarse = torch.rand(count, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    return interpolate((2 * coarse - 0.5).clamp(0, 1), size=(8, 8), mode="nearest")

def load():
    """The model after 300 steps, with weights on differences of pixels that images do not have."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, x = Small(), images().flatten(1)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for _ in range(300):
            mean, log_variance = model.encode(x)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
            loss = ((model.decode(z) - x).square().sum() / 0.1 + 0.2 * kl) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            model.encoder[0].weight[:, 0] += 4
            model.encoder[0].weight[:, 1] -= 4
    return model
'''

SETTINGS = HardeningConfig(steps=30, batch_size=16, learning_rate=3e-3, checkpoint_every=10)


def write_model(folder: Path) -> str:
    """Write the model to a folder, and return its reference."""
    folder.mkdir(exist_ok=True)
    (folder / "small.py").write_text(MODEL)
    return f"{folder / 'small.py'}:load"
