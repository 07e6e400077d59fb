"""Mixture log-densities: the compiled kernel and tiles against float64 sums."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seatbelt_vae.errors import ShapeError
from seatbelt_vae.kernels import MIXTURES
from seatbelt_vae.objectives import mixtures
from seatbelt_vae.objectives.mixtures import ComponentWeights, log_mixtures, tiles
from seatbelt_vae.objectives.mixtures.mixture_kernel import by_kernel
from seatbelt_vae.objectives.mixtures.tiles import by_tiles, tile
from seatbelt_vae.objectives.total_correlation import component_weights, total_correlation

needs_kernel = pytest.mark.skipif(not MIXTURES.is_built(), reason="built without a compiler")
HARD = ["plain", "tiny variance", "far means", "collapsed"]


@pytest.fixture(params=["eager", "traced", pytest.param("native", marks=needs_kernel)])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> object:
    if request.param == "traced":
        # as on a GPU, with eager operations in place of compiled ones
        torch.compiler.reset()
        traced = torch.compile(tile, fullgraph=True, dynamic=True, backend="aot_eager")
        monkeypatch.setattr(tiles, "tile", traced)
    return by_kernel if request.param == "native" else by_tiles


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def batch(case: str, samples: int, components: int, units: int) -> list[Tensor]:
    draws = torch.Generator().manual_seed(2)
    mean, log_variance, noise = torch.randn(3, components, units, generator=draws).unbind()
    log_variance = 0.3 * log_variance
    if case == "tiny variance":
        log_variance = log_variance - 12
    elif case == "far means":
        mean = 100 + 30 * mean
    elif case == "collapsed":
        mean, log_variance = 1e-3 * mean, 1e-3 * log_variance
    z = (mean + (0.5 * log_variance).exp() * noise)[torch.arange(samples) % components]
    return [z, mean, log_variance]


def plain(tensors: list[Tensor], weights: ComponentWeights) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Values by torch.distributions in float64, slopes of their difference by autograd."""
    z, mean, log_variance = leaves = [t.double().requires_grad_() for t in tensors]
    density = torch.distributions.Normal(mean, (0.5 * log_variance).exp()).log_prob(z[:, None])
    log_weights = weights.dense()
    joint = (density.sum(-1) + log_weights).logsumexp(1)
    marginals = (density + log_weights[..., None]).logsumexp(1)
    slopes = torch.autograd.grad((joint - marginals.sum(1)).sum(), leaves)
    return joint.detach(), marginals.detach(), list(slopes)


# sizes near the blocks of the kernel: 16 lanes, 8 samples, 64 samples in a tile
@pytest.mark.parametrize(
    ("samples", "components", "units"),
    [(1, 2, 1), (7, 15, 3), (8, 16, 2), (9, 17, 5), (64, 33, 4), (65, 64, 1), (130, 40, 7)],
)
@pytest.mark.parametrize("estimator", ["mws", "mss", "mss-chen", "mss-published"])
def test_every_size_and_weighting(
    way: object, samples: int, components: int, units: int, estimator: str
) -> None:
    own = torch.arange(samples) % components
    weights = component_weights(estimator, samples, components, 200, own)
    tensors = batch("plain", samples, components, units)
    joint, marginals, slopes = plain(tensors, weights)
    found = way(*tensors, weights, gradients=True)
    torch.testing.assert_close(found.joint, joint, rtol=1e-6, atol=2e-6)
    torch.testing.assert_close(found.marginals, marginals, rtol=1e-6, atol=2e-6)
    for slope, wanted in zip(found.slopes, slopes, strict=True):
        scale = max(wanted.abs().max().item(), 0.1)  # the terms are O(1) if they cancel
        torch.testing.assert_close(slope.double(), wanted, rtol=0, atol=2e-5 * scale)
    assert way(*tensors, weights, gradients=False).slopes is None


@pytest.mark.parametrize("case", HARD)
def test_a_large_batch_of_difficult_values(way: object, case: str) -> None:
    samples, components, units = 24, 4096, 128
    weights = component_weights("mws", samples, components, 60_000)
    tensors = batch(case, samples, components, units)
    joint, marginals, _ = plain(tensors, weights)
    found = way(*tensors, weights, gradients=True)
    torch.testing.assert_close(found.joint, joint, rtol=2e-6, atol=1e-4)
    torch.testing.assert_close(found.marginals, marginals, rtol=1e-5, atol=2e-6)
    value = (found.joint - found.marginals.sum(1)).mean()
    assert value.item() == pytest.approx((joint - marginals.sum(1)).mean().item(), rel=1e-5)


@needs_kernel
@pytest.mark.usefixtures("threads")
def test_compiled_code_does_not_depend_on_the_number_of_threads() -> None:
    weights = component_weights("mss", 100, 100, 200)
    tensors = batch("plain", 100, 100, 6)
    results = []
    for count in (1, 2, 3, 16):
        torch.set_num_threads(count)
        found = by_kernel(*tensors, weights, gradients=True)
        results.append([found.joint, found.marginals, *found.slopes])
    for other in results[1:]:
        assert all(a.equal(b) for a, b in zip(results[0], other, strict=True))


def test_components_can_be_left_out_even_all(way: object) -> None:
    tensors = batch("plain", 5, 3, 2)
    weights = ComponentWeights.equal(5, 3, 0.0).without(torch.tensor([1, 4]), torch.tensor([2, 0]))
    joint, marginals, _ = plain(tensors, weights)
    found = way(*tensors, weights, gradients=False)
    torch.testing.assert_close(found.joint, joint, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found.marginals, marginals, rtol=1e-6, atol=1e-6)
    alone = ComponentWeights.equal(2, 1, 0.0).without(torch.tensor([1]), torch.tensor([0]))
    found = way(tensors[0][:2], tensors[1][:1], tensors[2][:1], alone, gradients=False)
    assert found.joint[0].isfinite()
    assert found.joint[1] == -torch.inf
    assert found.marginals[1].tolist() == [-torch.inf, -torch.inf]


def test_the_only_near_component_can_be_left_out(way: object) -> None:
    z = torch.zeros(1, 3)
    mean = torch.tensor([[0.0] * 3, [40.0] * 3, [41.0] * 3])
    weights = ComponentWeights.equal(1, 3, 0.0).without(torch.tensor([0]), torch.tensor([0]))
    tensors = [z, mean, torch.zeros_like(mean)]
    joint, marginals, _ = plain(tensors, weights)
    found = way(*tensors, weights, gradients=False)
    torch.testing.assert_close(found.joint, joint, rtol=1e-6, atol=0)
    torch.testing.assert_close(found.marginals, marginals, rtol=1e-6, atol=0)


@pytest.mark.parametrize("left_out", [False, True])
def test_a_sample_at_any_distance_from_all_components(way: object, left_out: bool) -> None:
    """Distances at which exponentials underflow."""
    away = torch.linspace(0, 40, 4001)
    z = torch.stack([away, away], dim=1)
    mean = torch.tensor([[0.0, 0.0], [0.1, -0.1], [40.0, 40.0]])[: 3 if left_out else 2]
    weights = ComponentWeights.equal(len(z), len(mean), 0.0)
    if left_out:
        weights = weights.without(torch.arange(len(z)), torch.full((len(z),), 2))
    tensors = [z, mean, torch.zeros_like(mean)]
    joint, marginals, _ = plain(tensors, weights)
    found = way(*tensors, weights, gradients=False)
    torch.testing.assert_close(found.joint, joint, rtol=1e-6, atol=2e-6)
    torch.testing.assert_close(found.marginals, marginals, rtol=1e-6, atol=2e-6)


def test_exponentials_are_accurate_to_a_few_ulp(way: object) -> None:
    z = torch.linspace(-12, 12, 3001)[:, None]
    of_one = torch.zeros(1, 1)
    found = way(z, of_one, of_one, ComponentWeights.equal(len(z), 1, 0.0), gradients=False)
    wanted = torch.distributions.Normal(0.0, 1.0).log_prob(z.double())
    # an exponent of size 72 is accurate to 4e-6 only
    assert ((found.marginals - wanted).abs() / (1 + wanted.abs())).max() < 2e-7


@needs_kernel
def test_the_kernel_is_used_where_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    for name, real in (("by_kernel", by_kernel), ("by_tiles", by_tiles)):
        monkeypatch.setattr(
            mixtures, name, lambda *a, n=name, r=real, **k: (taken.append(n), r(*a, **k))[1]
        )
    tensors, weights = batch("plain", 4, 4, 2), ComponentWeights.equal(4, 4, 0.0)
    log_mixtures(*tensors, weights, gradients=True)
    log_mixtures(*(t.double() for t in tensors), weights, gradients=True)
    monkeypatch.setattr(MIXTURES, "is_built", lambda: False)
    log_mixtures(*tensors, weights, gradients=True)
    assert taken == ["by_kernel", "by_tiles", "by_tiles"]


PECULIAR = (torch.nan, torch.inf, -torch.inf, 1e30)


@needs_kernel
@pytest.mark.filterwarnings("ignore:`torch")
@given(
    st.sampled_from(["z", "mean", "log_variance", "log_others"]),
    st.sampled_from(PECULIAR),
    st.integers(0, 17),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_values_that_are_not_finite_agree_with_torch(name, value, place, negative):
    """NaN if the operations of torch give NaN, else equal values."""
    tensors = dict(zip(("z", "mean", "log_variance"), batch("plain", 6, 6, 3), strict=True))
    weights = component_weights("mss", 6, 6, 100)
    changed = tensors.get(name, weights.log_others)
    value = -value if negative else value
    if name == "log_others" and value > 0:
        return  # no weight is above 1
    changed.view(-1)[place % changed.numel()] = value
    found, expected = (
        way(*tensors.values(), weights, gradients=True) for way in (by_kernel, by_tiles)
    )
    for one, other in zip(
        (found.joint, found.marginals), (expected.joint, expected.marginals), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4, equal_nan=True)
    if math.isnan(value):
        for one, other in zip(found.slopes, expected.slopes, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3, equal_nan=True)


def test_a_mean_of_nan_gives_a_total_correlation_of_nan(way: object) -> None:
    z, mean, log_variance = batch("plain", 4, 4, 3)
    mean[2, 1] = torch.nan
    weights = ComponentWeights.equal(4, 4, 0.0)
    found = way(z, mean, log_variance, weights, gradients=False)
    assert found.joint.isnan().all()
    assert found.marginals.isnan().any(0).tolist() == [False, True, False]


@pytest.mark.parametrize("wrong", [-1, 4, 10**9, 2**31])
def test_a_weight_of_a_component_that_does_not_exist_is_refused(wrong: int) -> None:
    z = torch.zeros(4, 2)
    own = torch.tensor([0, 1, 2, wrong])
    for estimator in ("mws", "mss", "mss-chen", "mss-published"):
        with pytest.raises(ShapeError, match=f"own names components .*{wrong}.*, expected 0 … 3"):
            total_correlation(z, z, z, 100, estimator, own=own)


@pytest.mark.parametrize("own", [torch.arange(3), torch.ones(4), torch.zeros(4, 1, dtype=int)])
def test_own_components_are_one_integer_per_sample(own: Tensor) -> None:
    z = torch.zeros(4, 2)
    with pytest.raises(ShapeError, match=r"own is torch\..*, expected \(4,\) integers"):
        total_correlation(z, z, z, 100, "mss", own=own)


@needs_kernel
def test_strided_tensors_are_read_in_order() -> None:
    tensors = batch("plain", 6, 6, 4)
    weights = ComponentWeights.equal(6, 6, 0.0)
    strided = [t.t().contiguous().t() for t in tensors]
    one, other = (by_kernel(*t, weights, gradients=True) for t in (tensors, strided))
    assert one.joint.equal(other.joint)
    assert all(a.equal(b) for a, b in zip(one.slopes, other.slopes, strict=True))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # raised inside torch
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles by g++ here")
def test_a_tile_that_torch_compiles_computes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as on a GPU, with C++ in place of Triton
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.compiler.reset()
    monkeypatch.setattr(tiles, "tile", torch.compile(tile, dynamic=True))
    tensors = batch("plain", 40, 64, 9)
    weights = component_weights("mws", 40, 64, 200, torch.arange(40))
    joint, marginals, slopes = plain(tensors, weights)
    found = by_tiles(*tensors, weights, gradients=True)
    torch.testing.assert_close(found.joint, joint, rtol=1e-6, atol=2e-6)
    torch.testing.assert_close(found.marginals, marginals, rtol=1e-6, atol=2e-6)
    for one, expected in zip(found.slopes, slopes, strict=True):
        assert (one - expected).norm() < 1e-5 * expected.norm()
