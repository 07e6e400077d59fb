"""The aggregate posterior of a model over data, against enumeration and a known mixture."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from tests.evaluation.stand_ins import LinearAutoencoder, random_images, random_linear, random_vae

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.data import Split
from seatbelt_vae.distributions import Normal
from seatbelt_vae.evaluation.aggregate_measures import affordable_chains, measure_aggregate
from seatbelt_vae.evaluation.chains import Chains
from seatbelt_vae.evaluation.measures import MODEL_MEASURES
from seatbelt_vae.objectives import AggregatePosterior, Aggregates
from seatbelt_vae.protocol import Noise, Posterior

IMAGES = random_images(12).numpy()
ALL = np.arange(12)
SETTINGS = EvaluationConfig(aggregate_queries=12, max_chains=16, batch_size=5)


def read(indices: np.ndarray) -> np.ndarray:
    return IMAGES[indices]


TRAIN = Split(ALL, read)


class TwoLayers(LinearAutoencoder):
    """z¹ = Ex + s₁ε, z² = z¹ + s₂ε: q(z²|x) = N(Ex, s₁² + s₂²) is known."""

    upper = 0.3

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        return (len(self.encoder), len(self.encoder))

    def encode(self, x: torch.Tensor, noise: Noise | None = None) -> Posterior:
        below = super().encode(x, noise)
        mean = below.z[0]
        q = Normal(mean, torch.full_like(mean, self.upper).log() * 2)
        return Posterior((*below.layers, q), (mean, mean if noise is None else q.sample(noise[1])))


def exact_mixture(mean: torch.Tensor, std: float, queries: int) -> tuple[float, float]:
    """TC and I(z; x) of the mixture of N(μ_n, s²I), by fresh draws and loops over components."""
    generator = torch.Generator().manual_seed(99)
    count, units = mean.shape
    tc, information = 0.0, 0.0
    for k in range(queries):
        z = mean[k % count] + std * torch.randn(units, generator=generator, dtype=mean.dtype)
        density = torch.distributions.Normal(mean, std).log_prob(z)
        joint = density.sum(1).logsumexp(0) - math.log(count)
        tc += (joint - (density.logsumexp(0) - math.log(count)).sum()).item() / queries
        information += (density[k % count].sum() - joint).item() / queries
    return tc, information


def test_one_layer_is_exact_over_the_images_used() -> None:
    model = random_linear(latents=3)
    wide = LinearAutoencoder(model.encoder, model.decoder, std=0.5)
    settings = EvaluationConfig(aggregate_queries=3000, batch_size=5)
    found = measure_aggregate(wide, TRAIN, settings)
    mean = torch.from_numpy(IMAGES).flatten(1) @ model.encoder.T
    tc, information = exact_mixture(mean, 0.5, 3000)
    for name, expected in (("total_correlation", tc), ("mutual_information", information)):
        stated = found[name]
        assert stated["lower"] == stated["upper"] == pytest.approx(expected, abs=0.05)
        assert (stated["chains"], stated["images"], stated["queries"]) == (1, 12, 3000)
    assert information < math.log(12)


def test_the_monte_carlo_error_is_the_spread_over_seeds() -> None:
    model = random_linear(latents=3)
    wide = LinearAutoencoder(model.encoder, model.decoder, std=0.5)
    found = [
        measure_aggregate(wide, TRAIN, EvaluationConfig(aggregate_queries=96, seed=seed))
        for seed in range(60)
    ]
    for name in ("total_correlation", "mutual_information"):
        spread = np.std([aggregate[name]["lower"] for aggregate in found], ddof=1)
        # queries go round the 12 images, which removes the variance between images
        assert 0.6 < spread / np.mean([aggregate[name]["error"] for aggregate in found]) < 1.2


@pytest.mark.parametrize(("std", "saturated"), [(0.001, True), (0.5, False)])
def test_information_at_its_bound_is_marked_beside_both_numbers(
    std: float, saturated: bool
) -> None:
    model = random_linear(latents=3)
    sharp = LinearAutoencoder(model.encoder, model.decoder, std=std)
    found = measure_aggregate(sharp, TRAIN, EvaluationConfig(aggregate_queries=240))
    assert (found["mutual_information"]["lower"] > math.log(12) - 0.1) == saturated
    for name in ("total_correlation", "mutual_information"):
        assert found[name]["saturated"] == saturated
        shown = MODEL_MEASURES[name].shown(found)
        assert f" ± {found[name]['error']:.1g}" in shown
        assert shown.endswith(" (saturated: limited by 12 images)") == saturated


def test_an_evaluation_of_an_older_version_is_shown_as_saturated_too() -> None:
    about = {"chains": 1, "images": 20_000, "queries": 1000}
    stored = {
        "total_correlation": {"lower": 20.5, "upper": 20.5, **about},
        "mutual_information": {"lower": 9.887, "upper": 9.887, **about},
    }
    show = MODEL_MEASURES["total_correlation"].shown
    assert show(stored) == "20.5 (saturated: limited by 20000 images)"
    stored["mutual_information"]["lower"] = math.log(20_000) - 0.11
    assert show(stored) == "20.5"
    stored["mutual_information"]["chains"] = 8  # the bound is the logarithm of all components
    stored["mutual_information"]["lower"] = math.log(160_000) - 0.05
    assert show(stored).endswith("(saturated: limited by 20000 images)")


def test_two_layers_bracket_the_known_mixture() -> None:
    below = random_linear(latents=3)
    model = TwoLayers(below.encoder, below.decoder, std=0.4)
    settings = EvaluationConfig(aggregate_queries=2000, max_chains=64, batch_size=5)
    found = measure_aggregate(model, TRAIN, settings)["total_correlation"]
    mean = torch.from_numpy(IMAGES).flatten(1) @ below.encoder.T
    tc, _ = exact_mixture(mean, 0.5, 3000)
    assert found["lower"] - 0.05 < tc < found["upper"] + 0.05
    assert found["upper"] - found["lower"] < 0.5
    assert 8 <= found["chains"] <= 64


def test_chains_are_repeatable_distinct_and_cover_every_image_once() -> None:
    model = random_vae((6, 4)).double()
    chains = Chains(model, TRAIN, ALL, SETTINGS, 16, None)
    means = []
    for chain in (0, 1, 8, 0):
        parts = list(chains(chain))
        assert [first for first, _ in parts] == [0, 5, 10]
        means.append(torch.cat([q.mean for _, q in parts]))
    assert torch.equal(means[0], means[3])
    assert not torch.equal(means[0], means[1])
    assert not torch.equal(means[0], means[2])
    assert means[0].shape == (12, 4)


def test_queries_do_not_reuse_the_components_noise() -> None:
    seen: list[torch.Tensor] = []

    class Watched(TwoLayers):
        def encode(self, x: torch.Tensor, noise: Noise | None = None) -> Posterior:
            assert noise is not None
            seen.append(noise[0].reshape(-1, 3))
            return super().encode(x, noise)

    below = random_linear(latents=3)
    measure_aggregate(Watched(below.encoder, below.decoder, std=0.4), TRAIN, SETTINGS)
    rows = torch.cat(seen)
    assert len(rows.unique(dim=0)) == len(rows)


def test_each_query_names_the_image_it_was_drawn_for(monkeypatch: pytest.MonkeyPatch) -> None:
    measure, told = AggregatePosterior.measure, []

    def watched(self: AggregatePosterior, *args: Any) -> Aggregates:
        told.append((self, *args))
        return measure(self, *args)

    monkeypatch.setattr(AggregatePosterior, "measure", watched)
    measure_aggregate(random_linear(), TRAIN, SETTINGS)
    posterior, _, own, position, _ = told[0]
    components = torch.cat([q.mean for _, q in posterior.components(0)])
    torch.testing.assert_close(own.mean, components[position])


def test_a_subset_is_used_and_recorded() -> None:
    settings = EvaluationConfig(aggregate_images=4, aggregate_queries=6)
    drawn: list[int] = []

    def noted(indices: np.ndarray) -> np.ndarray:
        drawn.extend(indices.tolist())
        return IMAGES[indices]

    found = measure_aggregate(random_linear(), Split(ALL, noted), settings)
    assert found["total_correlation"]["images"] == 4
    assert found["mutual_information"]["queries"] == 6
    assert len(set(drawn)) == 4


def test_work_is_bounded_by_fewer_chains() -> None:
    assert affordable_chains(100, 10, 4, most=512, densities=100 * 10 * 5 * 20) == 20
    assert affordable_chains(100, 10, 4, most=16, densities=1e12) == 16
    assert affordable_chains(100, 10, 4, most=512, densities=1) == 8


def test_progress_counts_encodings() -> None:
    seen: list[tuple[str, int, int]] = []
    measure_aggregate(random_linear(), TRAIN, SETTINGS, lambda *args: seen.append(args))
    assert seen[-1] == ("aggregate posterior", 12, 12)
