"""A picture of models in memory under one attack, with gaps that are known in closed form."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from seatbelt_vae import AttackConfig, wrap
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.report import attack_picture
from seatbelt_vae.report.attack_picture import QUICK_ATTACK

SHAPE = (1, 8, 8)


class Scaling(nn.Module):
    """A linear autoencoder: rec(x) scales the first pixel, and copies the others."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        scale = torch.ones(64)
        scale[0] = factor
        self.scale = nn.Parameter(scale)

    def encode(self, x: Tensor) -> Tensor:
        return x.flatten(1) * self.scale

    def decode(self, z: Tensor) -> Tensor:
        return z.unflatten(1, SHAPE)


def linear(factor: float) -> Autoencoder:
    return wrap(Scaling(factor).eval(), SHAPE, (-1.0, 1.0))


def test_gaps_are_those_of_linear_models_and_the_picture_has_one_row_each(tmp_path: Path) -> None:
    draw = torch.Generator().manual_seed(0)
    x, target = torch.rand(2, 3, *SHAPE, generator=draw) - 0.5
    target[:, 0, 0, 0] = x[:, 0, 0, 0]  # the scaled pixel is equal in both images
    models = {"copy": linear(1.0), "copy of 63": linear(0.0)}
    config = AttackConfig(
        loss="output-l2", threat="l2", budgets=(0.25,), strength="single", solver="pgd"
    )
    gaps = attack_picture(models, x, target, tmp_path / "new" / "two.png", config)
    # within the ball of radius ε‖x_t − x‖, the image nearest to the target is x + ε (x_t − x)
    assert gaps == {name: pytest.approx(0.75, abs=2e-3) for name in models}
    attack_picture({"copy": models["copy"]}, x, target, tmp_path / "one.png")
    with Image.open(tmp_path / "new" / "two.png") as two, Image.open(tmp_path / "one.png") as one:
        assert two.format == one.format == "PNG"
        assert two.size[0] == one.size[0]
        assert 1.5 * one.size[1] < two.size[1] < 2 * one.size[1]


@pytest.mark.parametrize(
    "config", [AttackConfig(threat="l2"), AttackConfig(threat="linf", budgets=(0.1,))]
)
def test_other_attacks_are_refused(config: AttackConfig, tmp_path: Path) -> None:
    x = torch.zeros(1, *SHAPE)
    with pytest.raises(ConfigError, match=r"expected threat 'l2' with one budget"):
        attack_picture({"copy": linear(1.0)}, x, x + 0.5, tmp_path / "a.png", config)
    assert QUICK_ATTACK.epsilons == (0.2,)
    assert not (tmp_path / "a.png").exists()
