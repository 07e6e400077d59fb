"""Sizes of the published networks, and images of other sizes."""

import numpy as np
import pytest
import torch
from torch import nn

from seatbelt_vae.config import ModelConfig, resolve
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.models.networks import ConvDecoder, ConvEncoder


def _weights(module: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(p.shape) for p in module.parameters() if p.ndim > 1]


def _model(shape: tuple[int, int, int], **settings: object) -> HierarchicalVAE:
    return HierarchicalVAE(resolve(ModelConfig("vae", **settings), "chairs", shape, (-1.0, 1.0)))


def test_grey_images_of_64_pixels_get_the_networks_of_chen_2018() -> None:
    model = _model((1, 64, 64), latent_sizes=(10,))
    down = [(32, 1, 4, 4), (32, 32, 4, 4), (64, 32, 4, 4), (64, 64, 4, 4), (512, 64, 4, 4)]
    up = [(10, 512, 1, 1), (512, 64, 4, 4), (64, 64, 4, 4), (64, 32, 4, 4), (32, 32, 4, 4)]
    assert _weights(model.encoder) == down
    assert _weights(model.decoder) == [*up, (32, 1, 4, 4)]
    assert _weights(model.posterior_head) == [(20, 512)]


def test_rgb_images_get_twice_the_filters() -> None:
    model = _model((3, 64, 64), latent_sizes=(10,))
    assert [w[0] for w in _weights(model.encoder)] == [64, 64, 128, 128, 512]
    assert [w[1] for w in _weights(model.decoder)] == [512, 128, 128, 64, 64, 3]


def test_the_mlp_is_the_published_one() -> None:
    model = _model((1, 64, 64), latent_sizes=(10,), network="mlp")
    assert _weights(model.encoder) == [(1200, 4096), (1200, 1200)]
    assert _weights(model.decoder) == [(1200, 10), (1200, 1200), (1200, 1200), (4096, 1200)]
    kinds = [type(m) for m in model.decoder if not isinstance(m, nn.Linear | nn.Unflatten)]
    assert kinds == [nn.Tanh] * 3


def test_the_networks_between_layers_have_the_papers_widths() -> None:
    settings = ModelConfig("seatbelt", depth=4)
    model = HierarchicalVAE(resolve(settings, "chairs", (1, 64, 64), (-1.0, 1.0)))
    widths = (1024, 512, 256)
    sizes = (48, 24, 12, 6)
    for i, (width, below, above) in enumerate(zip(widths, sizes, sizes[1:], strict=False)):
        hidden = [(width, 512 + below), (width, width), (2 * above, width)]
        assert _weights(model.posterior_nets[i]) == hidden
        assert _weights(model.prior_nets[i]) == [(width, above), (width, width), (2 * below, width)]
    slopes = {m.negative_slope for m in model.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.01}


@pytest.mark.parametrize(
    ("side", "stages", "rest"), [(16, 2, 4), (28, 2, 7), (31, 2, 8), (32, 3, 4), (100, 4, 7)]
)
def test_other_sizes_have_fewer_or_more_stages(side: int, stages: int, rest: int) -> None:
    weights = _weights(ConvEncoder((1, side, side), (2, 3), 5))
    assert len(weights) == stages + 1
    assert weights[-1] == (5, 3, rest, rest)
    assert _weights(ConvDecoder(4, (1, side, side), (2, 3), 5))[1] == (5, 3, rest, rest)


def test_odd_sides_are_edge_padded_in_and_cropped_out() -> None:
    torch.manual_seed(0)
    x, z = torch.randn(2, 1, 37, 50), torch.randn(2, 4)
    whole = ConvEncoder((1, 40, 56), (2, 3), 5).eval()
    odd = ConvEncoder((1, 37, 50), (2, 3), 5).eval()
    odd.load_state_dict(whole.state_dict())
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (1, 2), (3, 3)), mode="edge")
    torch.testing.assert_close(odd(x), whole(torch.from_numpy(padded)))
    decoder = ConvDecoder(4, (1, 40, 56), (2, 3), 5).eval()
    cropped = ConvDecoder(4, (1, 37, 50), (2, 3), 5).eval()
    cropped.load_state_dict(decoder.state_dict())
    assert torch.equal(cropped(z), decoder(z)[..., 1:38, 3:53])
