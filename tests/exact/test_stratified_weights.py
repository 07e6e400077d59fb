"""The minibatch weights by enumeration of all batches, and the toy table that tells them apart."""

import itertools

import pytest
import torch

from seatbelt_vae.distributions import Normal
from seatbelt_vae.objectives import component_log_weights, total_correlation
from tests.objectives.broadcast import broadcast_tc

N, M, D = 7, 4, 3
STRATIFIED = ["mss", "mss-chen"]
ESTIMATORS = ["mws", *STRATIFIED, "mss-published"]


def components(seed: int = 0, count: int = N) -> tuple[Normal, torch.Tensor]:
    """A data set of Gaussians, and a sample from each."""
    draws = torch.Generator().manual_seed(seed)
    mean, log_variance, noise = torch.randn(
        3, count, D, generator=draws, dtype=torch.float64
    ).unbind()
    q = Normal(mean, 0.5 * log_variance)
    return q, q.sample(noise)


def expected_ratio(estimator: str, seed: int) -> torch.Tensor:
    """E[Σ_m w_km q_m(z_k) / q(z_k)] over ordered batches, for each row k and image in it."""
    q, z = components(seed)
    density = q.log_prob(z[:, None]).exp()
    truth = density.mean(1)
    weights = component_log_weights(estimator, M, M, N).exp()
    batches = torch.tensor(list(itertools.permutations(range(N), M)))
    estimates = (weights * density[batches[:, :, None], batches[:, None, :]]).sum(-1)
    ratio = estimates / truth[batches]
    own = torch.nn.functional.one_hot(batches, N).double()
    return torch.einsum("bk,bkn->kn", ratio, own) / own.sum(0)


@pytest.mark.parametrize("estimator", STRATIFIED)
@pytest.mark.parametrize("seed", range(3))
def test_stratified_weights_are_unbiased_for_every_row_and_image(estimator: str, seed: int) -> None:
    ratio = expected_ratio(estimator, seed)
    assert (ratio - 1).abs().max() < 1e-12


def test_the_published_layout_is_biased() -> None:
    ratios = torch.stack([expected_ratio("mss-published", seed) for seed in range(5)])
    # row 0 is its own column 0, and row M − 2 weighs its column 0 like a stratum
    assert (ratios[:, 0] - 1).abs().max() < 1e-12
    assert 1.1 < ratios.mean() < 1.5


@pytest.mark.parametrize("estimator", STRATIFIED)
def test_rows_of_weights_sum_to_one(estimator: str) -> None:
    sums = component_log_weights(estimator, M, M, N).exp().sum(1)
    assert (sums - 1).abs().max() < 1e-14


def test_rows_of_the_published_weights_do_not_all_sum_to_one() -> None:
    sums = component_log_weights("mss-published", M, M, N).exp().sum(1)
    assert sums.tolist() == pytest.approx([1, 1, 22 / 21, 1])


def test_the_layouts_of_public_code_column_by_column() -> None:
    """1/N, the stratum (N − M')/(N M') and 1/M' with N = 7, M' = 3: in 21sts."""
    layouts = {
        "mss-chen": [[3, 4, 7, 7], [7, 3, 4, 7], [7, 7, 3, 4], [4, 7, 7, 3]],
        "mss-published": [[3, 4, 7, 7], [3, 4, 7, 7], [4, 4, 7, 7], [3, 4, 7, 7]],
    }
    for estimator, layout in layouts.items():
        weights = component_log_weights(estimator, M, M, N).exp()
        torch.testing.assert_close(21 * weights, torch.tensor(layout, dtype=torch.float64))


def test_mws_weighs_every_component_alike() -> None:
    weights = component_log_weights("mws", M, M, N).exp()
    assert weights.unique().tolist() == pytest.approx([1 / (N * M)])


def exact_tc(q: Normal, z: torch.Tensor) -> float:
    """Mean over samples of log q(z) − Σ_j log q(z_j) under the uniform mixture."""
    units = q.log_prob_units(z[:, None]).exp()
    joint, marginals = units.prod(-1).mean(1), units.mean(1).prod(-1)
    return (joint / marginals).log().mean().item()


def test_mss_is_exact_when_the_batch_is_the_data_set_and_chen_is_not() -> None:
    q, z = components(count=N)
    arguments = (z, q.mean, q.log_variance, N)
    truth = exact_tc(q, z)
    assert total_correlation(*arguments, "mss").item() == pytest.approx(truth, abs=1e-12)
    for estimator in ("mss-chen", "mss-published", "mws"):
        assert abs(total_correlation(*arguments, estimator).item() - truth) > 1e-3


def test_the_toy_that_tells_right_from_wrong() -> None:
    size, units, batch = 1000, 4, 64
    draws = torch.Generator().manual_seed(0)
    mean = 2 * torch.randn(size, units, generator=draws, dtype=torch.float64)
    q = Normal(mean, torch.full_like(mean, -2.0))
    other = torch.Generator().manual_seed(1)
    noise = torch.randn(5, size, units, generator=other, dtype=torch.float64)
    exact = sum(exact_tc(q, q.sample(part)) for part in noise) / len(noise)
    found = {"exact": exact} | dict.fromkeys(ESTIMATORS, 0.0)
    for _ in range(60):
        chosen = torch.randperm(size, generator=draws)[:batch]
        part = mean[chosen], q.log_variance[chosen]
        fresh = torch.randn(batch, units, generator=draws, dtype=torch.float64)
        for estimator in ESTIMATORS:
            tc = total_correlation(Normal(*part).sample(fresh), *part, size, estimator)
            found[estimator] += tc.item() / 60
    assert found == pytest.approx(
        {"exact": 0.79, "mss": 0.59, "mss-chen": 0.59, "mss-published": 2.48, "mws": 23.23},
        abs=0.05,
    )


def test_samples_of_some_components_only() -> None:
    """One worker's rows against everybody's components, as under data parallel training."""
    q, z = components()
    for estimator in ESTIMATORS:
        weights = component_log_weights(estimator, N, N, 50)
        own = torch.tensor([5, 2, 6])
        assert component_log_weights(estimator, 3, N, 50, own).equal(weights[own])
        some = total_correlation(z[own], q.mean, q.log_variance, 50, estimator, own)
        plain = broadcast_tc(z[own], q.mean, q.log_variance, weights[own])
        assert some.item() == pytest.approx(plain.item(), abs=1e-12)
