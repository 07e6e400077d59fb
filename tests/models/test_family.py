"""Properties of models of every preset, image size, network and likelihood."""

from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from seatbelt_vae.config import PRESETS, ModelConfig, RunConfig, resolve
from seatbelt_vae.config.model import Architecture
from seatbelt_vae.models import HierarchicalVAE, fold_batch_norm, load_model, save_model
from seatbelt_vae.protocol import Noise, draw_noise
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.testing import check_autoencoder
from tests.random_models import random_model

BATCH = 4
# a first convolution of 16 filters is fused with BatchNorm and ReLU
NETWORKS = {
    "conv-16": ("conv", (1, 16, 16), (4, 6)),
    "conv-28": ("conv", (1, 28, 28), (4, 6)),
    "conv-37x50": ("conv", (1, 37, 50), (16, 6)),
    "conv-40x56": ("conv", (1, 40, 56), (4, 6)),
    "conv-64": ("conv", (1, 64, 64), (16, 6)),
    "conv-rgb": ("conv", (3, 32, 32), (16, 6)),
    "mlp": ("mlp", (1, 9, 7), (4, 6)),
}
FAMILY = [
    pytest.param(*member, id="-".join(member))
    for member in product(PRESETS, NETWORKS, ("gaussian", "bernoulli"))
]


@pytest.fixture
def architecture(request: pytest.FixtureRequest) -> Architecture:
    preset, network, likelihood = request.param
    kind, image_shape, filters = NETWORKS[network]
    settings = ModelConfig(
        preset,
        latent_sizes=(5, 4, 3) if PRESETS[preset].hierarchical else (4,),
        network=kind,
        filters=filters,
        features=16,
        hierarchy_widths=(12, 10),
        likelihood=likelihood,
    )
    return resolve(settings, "dsprites", image_shape, (-1.0, 1.0))


@pytest.fixture
def model(architecture: Architecture) -> HierarchicalVAE:
    """A model as after training, without identity BatchNorm layers."""
    torch.manual_seed(0)
    made = random_model(architecture)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.3)
            nn.init.normal_(module.running_mean, 0.0, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return made.eval()


whole_family = pytest.mark.parametrize(
    "architecture", [p.values for p in FAMILY], ids=[p.id for p in FAMILY], indirect=True
)


def _probe(model: HierarchicalVAE, *draws: int) -> tuple[Tensor, Noise]:
    like = next(model.parameters())
    generator = torch.Generator().manual_seed(1)
    x = 2 * torch.rand(BATCH, *model.event_shape, generator=generator).to(like) - 1
    return x, draw_noise(model.latent_sizes, (*draws, BATCH), generator, like=like)


def _everything(model: HierarchicalVAE, x: Tensor, noise: Noise | None) -> list[Tensor]:
    """All outputs of a model on one path."""
    posterior = model.encode(x, noise)
    normals = (*posterior.layers, *model.prior(posterior.z))
    decoded = model.decode(posterior.z)
    parameters = [part for normal in normals for part in (normal.mean, normal.log_variance)]
    return [*posterior.z, *parameters, decoded.mean, decoded.log_prob(x), decoded.max_log_prob(x)]


def _assert_equal(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@whole_family
def test_every_model_conforms_to_the_protocol(model: HierarchicalVAE) -> None:
    check_autoencoder(model)


@whole_family
def test_a_saved_model_loads_equal(model: HierarchicalVAE, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", RunConfig())
    save_model(model.train(), folder)
    loaded = load_model(RunFolder.open(folder.path))
    assert loaded.architecture == model.architecture
    assert not loaded.training
    x, noise = _probe(model)
    _assert_equal(_everything(loaded, x, noise), _everything(model.eval(), x, noise), 0.0)


@whole_family
def test_folding_batch_norm_changes_rounding_only(model: HierarchicalVAE) -> None:
    model.double()
    x, noise = _probe(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    folded = fold_batch_norm(model.train())
    for path in (None, noise):
        expected = _everything(model.eval(), x, path)
        _assert_equal(_everything(folded, x, path), expected, 1e-10)
    kinds = nn.BatchNorm1d | nn.BatchNorm2d
    assert not any(isinstance(module, kinds) for module in folded.modules())
    assert not any(p.requires_grad for p in folded.parameters())
    assert all(p.requires_grad for p in model.parameters())
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())
    check_autoencoder(folded)


@whole_family
def test_a_folded_model_is_the_same_in_float32_and_differentiates_so(
    model: HierarchicalVAE,
) -> None:
    x, noise = _probe(model)
    found, expected = [], []
    for one, kept in ((fold_batch_norm(model), found), (model.double(), expected)):
        dtype = torch.float64 if kept is expected else torch.float32
        image = x.to(dtype).requires_grad_()
        everything = _everything(one, image, [n.to(dtype) for n in noise])
        total = sum(part.mean() for part in everything)
        kept += [*everything, *torch.autograd.grad(total, image)]
    for a, b in zip(found, expected, strict=True):
        assert (a - b).norm() <= 1e-4 * b.norm()


@whole_family
def test_the_gradient_of_the_elbo_reaches_every_parameter(model: HierarchicalVAE) -> None:
    x, noise = _probe(model.train())
    posterior = model.encode(x, noise)
    elbo = model.decode(posterior.z).log_prob(x)
    for q, p, z in zip(posterior.layers, model.prior(posterior.z), posterior.z, strict=True):
        elbo = elbo - q.log_prob(z) + p.log_prob(z)
    elbo.mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


@whole_family
def test_the_likelihood_sees_every_layer_or_the_first_alone(model: HierarchicalVAE) -> None:
    _, z = _probe(model)
    chain = model.architecture.chain_likelihood
    mean = model.decode(z).mean
    for i in range(len(z)):
        moved = [part + (i == j) for j, part in enumerate(z)]
        same = torch.equal(model.decode(moved).mean, mean)
        assert same == (chain and i > 0)


@whole_family
def test_layers_before_a_batch_norm_have_no_bias(model: HierarchicalVAE) -> None:
    followed = [
        layer
        for module in model.modules()
        if isinstance(module, nn.Sequential)
        for layer, after in pairwise(module)
        if isinstance(after, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    assert followed or model.architecture.network == "mlp"
    assert all(layer.bias is None for layer in followed)


@whole_family
def test_draws_at_once_equal_draws_one_by_one(model: HierarchicalVAE) -> None:
    model.double()
    x, noise = _probe(model, 3)
    together = _everything(model, x, noise)
    for k in range(3):
        alone = _everything(model, x, [n[k] for n in noise])
        shaped = [
            part[k] if part.ndim > other.ndim else part
            for part, other in zip(together, alone, strict=True)
        ]
        _assert_equal(shaped, alone, 1e-10)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_reconstructions_of_a_bernoulli_lie_in_the_bounds(likelihood: str) -> None:
    settings = ModelConfig("vae", network="mlp", features=8, likelihood=likelihood)
    architecture = resolve(settings, "dsprites", (1, 3, 3), (0.25, 0.75))
    model = HierarchicalVAE(replace(architecture, latent_sizes=(2,))).eval()
    image = model.decode((100 * torch.randn(50, 2),)).mean
    inside = bool((image >= 0.25).all() and (image <= 0.75).all())
    assert inside == (likelihood == "bernoulli")
