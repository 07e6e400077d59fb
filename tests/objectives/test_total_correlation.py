"""The fused total correlation against the broadcast form: value, gradients, limits, memory."""

import sys
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.objectives import component_log_weights, total_correlation
from tests.objectives.broadcast import broadcast_parts, broadcast_tc

EAGER = sys.modules["seatbelt_vae.objectives.mixtures.tiles"]
ESTIMATORS = ["mws", "mss", "mss-chen", "mss-published"]
HARD = ["plain", "tiny variance", "far means", "collapsed"]


def batch(m: int, d: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """z drawn from the components; mean; log-variance."""
    draws = torch.Generator().manual_seed(seed)
    mean, log_variance, noise = torch.randn(3, m, d, generator=draws, dtype=dtype).unbind()
    return [mean + (0.5 * log_variance).exp() * noise, mean, log_variance]


def hard_batch(case: str, m: int, d: int) -> list[Tensor]:
    """float32 values at which an expanded square loses digits."""
    draws = torch.Generator().manual_seed(1)
    mean, log_variance, noise = torch.randn(3, m, d, generator=draws).unbind()
    log_variance = 0.3 * log_variance
    if case == "tiny variance":
        log_variance = log_variance - 12
    elif case == "far means":
        mean = 100 + 30 * mean
    elif case == "collapsed":
        mean, log_variance = 1e-3 * mean, 1e-3 * log_variance
    return [mean + (0.5 * log_variance).exp() * noise, mean, log_variance]


def with_gradients(function: Any, tensors: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    leaves = [t.clone().requires_grad_() for t in tensors]
    value = function(*leaves)
    return value.detach(), list(torch.autograd.grad(value, leaves))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("m", "d"), [(2, 1), (5, 3), (33, 7)])
def test_value_and_gradients_are_those_of_the_broadcast_form(
    estimator: str, m: int, d: int
) -> None:
    weights = component_log_weights(estimator, m, m, 100)
    ours, gradients = with_gradients(
        lambda *t: 3 * total_correlation(*t, 100, estimator), batch(m, d)
    )
    plain, expected = with_gradients(lambda *t: 3 * broadcast_tc(*t, weights), batch(m, d))
    assert ours.item() == pytest.approx(plain.item(), rel=1e-12, abs=1e-12)
    for found, wanted in zip(gradients, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-13)


@given(
    st.integers(2, 9), st.integers(1, 4), st.integers(0, 1000), st.sampled_from(ESTIMATORS),
    st.integers(1, 60),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_tiles_of_any_size_give_the_same(
    m: int, d: int, seed: int, estimator: str, elements: int
) -> None:
    weights = component_log_weights(estimator, m, m, 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EAGER, "_TILE_ELEMENTS", elements)
        ours, gradients = with_gradients(
            lambda *t: total_correlation(*t, 20, estimator), batch(m, d, seed)
        )
    plain, expected = with_gradients(lambda *t: broadcast_tc(*t, weights), batch(m, d, seed))
    assert ours.item() == pytest.approx(plain.item(), rel=1e-11, abs=1e-11)
    for found, wanted in zip(gradients, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


def test_gradcheck() -> None:
    for estimator in ESTIMATORS:
        leaves = [t.requires_grad_() for t in batch(4, 2)]

        def function(*t: Tensor, estimator: str = estimator) -> Tensor:
            return total_correlation(*t, 9, estimator)

        assert torch.autograd.gradcheck(function, leaves)


def test_samples_other_than_one_per_component() -> None:
    own = torch.tensor([1, 1, 4])
    draws, mean, log_variance = batch(6, 3)
    tensors = [draws[own] + 0.1, mean, log_variance]
    for estimator in ("mss", "mss-chen"):
        weights = component_log_weights(estimator, 3, 6, 30, own)
        ours, gradients = with_gradients(
            lambda *t, e=estimator: total_correlation(*t, 30, e, own), tensors
        )
        plain, expected = with_gradients(lambda *t, w=weights: broadcast_tc(*t, w), tensors)
        assert ours.item() == pytest.approx(plain.item(), abs=1e-12)
        for found, wanted in zip(gradients, expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("case", HARD)
def test_float32_is_accurate_to_its_precision(case: str) -> None:
    m, d, size = 512, 64, 60_000
    tensors = hard_batch(case, m, d)
    weights = component_log_weights("mws", m, m, size)
    doubled = [t.double().requires_grad_() for t in tensors]
    joint, marginals = broadcast_parts(*doubled, weights)
    of_joint, of_marginals = (
        torch.autograd.grad(part, doubled, retain_graph=part is joint)
        for part in (joint, marginals)
    )
    _, eager = with_gradients(lambda *t: broadcast_tc(*t, weights.float()), tensors)
    ours, gradients = with_gradients(lambda *t: total_correlation(*t, size), tensors)
    assert ours.item() == pytest.approx((joint - marginals).item(), rel=1e-5)
    for found, above, part, plain in zip(gradients, of_joint, of_marginals, eager, strict=True):
        wanted = above - part
        error, excuse = (found - wanted).norm(), (plain - wanted).norm()
        assert error <= 1e-5 * part.norm()
        # half an ulp of tolerance for gradients of rounding noise
        assert error <= 2 * excuse + 1e-7 * wanted.norm()


def test_samples_at_which_every_density_underflows() -> None:
    tensors = batch(6, 3, dtype=torch.float32)
    tensors[0][1] += 1e3
    tensors[0][4, 2] -= 1e4
    doubled = [t.double() for t in tensors]
    weights = component_log_weights("mss", 6, 6, 50)
    truth, expected = with_gradients(lambda *t: broadcast_tc(*t, weights), doubled)
    ours, gradients = with_gradients(lambda *t: total_correlation(*t, 50, "mss"), tensors)
    assert ours.item() == pytest.approx(truth.item(), rel=1e-5)
    for found, wanted in zip(gradients, expected, strict=True):
        assert (found - wanted).norm() <= 1e-5 * wanted.norm()


def test_very_unequal_widths_do_not_underflow() -> None:
    """The peak of one component is 25 nats above the others, too large a shift for them."""
    tensors = batch(8, 2, dtype=torch.float32)
    tensors[2][3] = -20.0
    tensors[2][5] = 20.0
    weights = component_log_weights("mws", 8, 8, 50)
    truth, expected = with_gradients(
        lambda *t: broadcast_tc(*t, weights), [t.double() for t in tensors]
    )
    ours, gradients = with_gradients(lambda *t: total_correlation(*t, 50), tensors)
    assert ours.item() == pytest.approx(truth.item(), rel=1e-5)
    for found, wanted in zip(gradients, expected, strict=True):
        assert (found - wanted).norm() <= 1e-5 * wanted.norm()


def test_the_gradient_of_mws_does_not_depend_on_the_data_size_and_the_value_does() -> None:
    (small, one), (large, other) = (
        with_gradients(lambda *t, n=n: total_correlation(*t, n), batch(8, 3)) for n in (8, 10**6)
    )
    assert (large - small).item() == pytest.approx(2 * torch.tensor(10**6 / 8).log().item())
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)


def test_one_unit_has_no_total_correlation() -> None:
    for estimator in ESTIMATORS:
        assert total_correlation(*batch(6, 1), 40, estimator).abs() < 1e-14


ANY_BATCH = (st.integers(2, 9), st.integers(1, 4), st.integers(0, 1000))


@given(*ANY_BATCH, st.sampled_from(ESTIMATORS))
@settings(max_examples=25, deadline=None)
def test_units_can_be_shuffled_shifted_and_scaled(
    m: int, d: int, seed: int, estimator: str
) -> None:
    z, mean, log_variance = batch(m, d, seed)
    draws = torch.Generator().manual_seed(seed)
    shift, log_scale = torch.randn(2, d, generator=draws, dtype=torch.float64).unbind()
    order = torch.randperm(d, generator=draws)
    moved = [
        z * log_scale.exp() + shift,
        mean * log_scale.exp() + shift,
        log_variance + 2 * log_scale,
    ]
    plain = total_correlation(z, mean, log_variance, 20, estimator).item()
    found = total_correlation(*(t[:, order] for t in moved), 20, estimator).item()
    assert found == pytest.approx(plain, rel=1e-9, abs=1e-9)


@given(*ANY_BATCH, st.sampled_from(["mws", "mss"]))
@settings(max_examples=25, deadline=None)
def test_images_can_be_shuffled(m: int, d: int, seed: int, estimator: str) -> None:
    tensors = batch(m, d, seed)
    order = torch.randperm(m, generator=torch.Generator().manual_seed(seed))
    plain, gradients = with_gradients(lambda *t: total_correlation(*t, 20, estimator), tensors)
    found, shuffled = with_gradients(
        lambda *t: total_correlation(*t, 20, estimator), [t[order] for t in tensors]
    )
    assert found.item() == pytest.approx(plain.item(), rel=1e-11, abs=1e-11)
    for one, other in zip(shuffled, gradients, strict=True):
        torch.testing.assert_close(one, other[order], rtol=1e-9, atol=1e-12)


@given(st.integers(2, 4), st.integers(2, 4), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_grid_of_components_factorises(rows: int, columns: int, seed: int) -> None:
    """A mixture over all pairs of two sets of Gaussians is a product, with a TC of 0."""
    draws = torch.Generator().manual_seed(seed)
    axes = [
        torch.randn(2, n, generator=draws, dtype=torch.float64).unbind() for n in (rows, columns)
    ]
    mean, log_variance = (
        torch.cartesian_prod(one, other) for one, other in zip(*axes, strict=True)
    )
    z = 2 * torch.randn(rows * columns, 2, generator=draws, dtype=torch.float64)
    assert total_correlation(z, mean, log_variance, len(z), "mss").abs() < 1e-12


def test_the_tc_of_equal_units_is_their_information() -> None:
    diagonal = torch.linspace(-9, 9, 5, dtype=torch.float64)[:, None].expand(5, 2)
    tc = total_correlation(diagonal, diagonal, torch.zeros_like(diagonal), 5, "mss")
    assert tc.item() == pytest.approx(torch.tensor(5.0).log().item(), abs=1e-3)


def test_a_second_derivative_is_refused_rather_than_wrong() -> None:
    leaves = [t.requires_grad_() for t in batch(6, 3)]
    value = total_correlation(*leaves, 50).square()
    (slope,) = torch.autograd.grad(value, leaves[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.square().sum().backward()


def test_bf16_is_computed_in_float32() -> None:
    tensors = [t.bfloat16() for t in batch(32, 4, dtype=torch.float32)]
    value, gradients = with_gradients(lambda *t: total_correlation(*t, 100), tensors)
    exact, expected = with_gradients(
        lambda *t: total_correlation(*t, 100), [t.float() for t in tensors]
    )
    assert value.dtype == torch.float32
    assert value == exact
    for found, wanted in zip(gradients, expected, strict=True):
        assert found.equal(wanted.bfloat16())


class Largest(TorchDispatchMode):
    """Records the size of the largest tensor of any operation."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        # an expanded tensor needs no memory of its own
        if isinstance(result, Tensor):
            size = result.untyped_storage().nbytes() // result.element_size()
            self.elements = max(self.elements, size)
        return result


def test_no_array_of_all_pairs_and_units_is_allocated() -> None:
    m, d = 512, 32
    tensors = [t.requires_grad_() for t in batch(m, d, dtype=torch.float32)]
    with Largest() as largest:
        total_correlation(*tensors, m, "mss").backward()
    assert largest.elements <= max(EAGER._TILE_ELEMENTS, m * m)


@pytest.mark.parametrize(("m", "size"), [(1, 10), (5, 4)])
def test_a_batch_that_does_not_fit_the_data_set_is_refused(m: int, size: int) -> None:
    message = f"a batch of {m} from a data set of {size} images: the TC needs at least 2"
    with pytest.raises(ConfigError, match=message):
        total_correlation(*batch(m, 2), size)


def test_an_unknown_estimator_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="unknown tc_estimator 'mcs': known: mws, mss, mss-chen"):
        total_correlation(*batch(4, 2), 10, "mcs")
