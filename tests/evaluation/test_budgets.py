"""Matched budgets: shortening, the candidates, and the identity map's reference line."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from tests.evaluation.stand_ins import (
    SHAPE,
    LinearAutoencoder,
    identity_autoencoder,
    random_images,
    random_linear,
    random_vae,
)

from seatbelt_vae.evaluation import budget_search
from seatbelt_vae.evaluation.budgets import (
    MatchedBudgets,
    blend,
    matched_budgets,
    matched_budgets_of_pairs,
    shorten,
)
from seatbelt_vae.evaluation.gap import Pair, reconstruct
from seatbelt_vae.evaluation.measures import BUDGETS


@given(st.integers(0, 1000), st.floats(0.0, 40.0))
@settings(max_examples=30, deadline=None)
def test_shortening_stays_within_budget_and_bounds(seed: int, length: float) -> None:
    x, *star = random_images(4, seed=seed)
    found = shorten(x, torch.stack(star), length)
    assert found.abs().max() <= 1
    for before, after in zip(star, found, strict=True):
        distance, pulled = (before - x).norm().item(), (after - x).norm().item()
        assert pulled <= length + 1e-13
        assert pulled == pytest.approx(min(distance, length), abs=1e-12)
        if pulled > 1e-6:
            cosine = ((before - x) * (after - x)).sum().item() / (distance * pulled)
            assert cosine == pytest.approx(1)


def test_an_attack_within_the_budget_is_unchanged_bit_for_bit() -> None:
    x, star = random_images(2, dtype=torch.float32)
    assert torch.equal(shorten(x, star[None], 1e3)[0], star)
    assert torch.equal(shorten(x, x[None], 0.0)[0], x)


def test_identity_map_has_gap_one_minus_epsilon() -> None:
    model = identity_autoencoder()
    x, target, *star = random_images(5)
    pair = Pair.of(model, x, target)
    found = matched_budgets(model, pair, torch.stack(star))
    assert found.blend_gap == pytest.approx([1 - e for e in BUDGETS])
    # no image in the ball is nearer to the target than the blend
    assert found.gap == pytest.approx([1 - e for e in BUDGETS])
    assert set(found.how) <= {"blend", "budgeted"}
    assert set(found.unconverged) == {None}
    assert found.distance_relative == pytest.approx(BUDGETS)


def without_descent(found: MatchedBudgets) -> list[float]:
    """The running minimum over candidates other than budgeted attacks."""
    least, gaps = 1.0, []
    for candidates in found.pool:
        known = zip(candidates.gap.tolist(), candidates.how, strict=True)
        least = min(least, *(gap for gap, how in known if not how.startswith("budgeted")))
        gaps.append(least)
    return gaps


def test_smallest_gap_is_the_minimum_of_a_loop_over_all_candidates() -> None:
    model = random_linear()
    x, target = random_images(2)
    pair = Pair.of(model, x, target)
    toward = (target - x).flatten()
    # distortions in the row space of the encoder, at several lengths
    heard = model.encoder.T @ torch.linalg.pinv(model.encoder.T) @ toward
    images = torch.stack([x + s * heard.reshape(SHAPE) for s in (0.0, 0.1, 0.4, 1.0)])
    found = matched_budgets(model, pair, images)
    product, size = model.decoder @ model.encoder, toward.norm().item()
    whole = (product @ toward).norm().item()
    smallest = of_rows = 1.0
    for k, epsilon in enumerate(BUDGETS):
        candidates = [x + epsilon * (target - x)]
        for image in images:
            distance = (image - x).norm().item()
            share = min(1.0, epsilon * size / distance) if distance else 1.0
            candidates.append(x + share * (image - x))
        gaps = [(product @ (target - c).flatten()).norm().item() / whole for c in candidates]
        smallest = min(smallest, *gaps)
        of_rows = min(of_rows, *gaps[1:])
        assert without_descent(found)[k] == pytest.approx(smallest)
        assert found.gap_of_rows[k] == pytest.approx(of_rows)
        assert found.gap[k] <= smallest + 1e-12
        of_picture = pair.gap(reconstruct(model, found.images[k][None])).item()
        assert of_picture == pytest.approx(found.gap[k])
        assert (found.images[k] - x).norm().item() <= epsilon * size * (1 + 1e-9)
    assert all(gap < 1 - epsilon for gap, epsilon in zip(found.gap, BUDGETS, strict=True))


def test_without_budgeted_attacks_the_other_candidates_count() -> None:
    model = random_linear()
    x, target, star = random_images(3)
    pair = Pair.of(model, x, target)
    found = matched_budgets(model, pair, star[None], lower=False)
    assert set(found.how) <= {"zero", "row", "shortened", "blend"}
    assert list(found.gap) == pytest.approx(without_descent(found))
    pulled = [shorten(x, star[None], epsilon * pair.image_distance) for epsilon in BUDGETS]
    of_star = pair.gap(reconstruct(model, torch.cat(pulled))).cummin(0).values
    assert list(found.gap_of_rows) == pytest.approx(of_star.tolist())


def test_gap_falls_with_the_budget_and_never_exceeds_one() -> None:
    model = random_vae()
    x, target, *star = random_images(6, dtype=torch.float32)
    found = matched_budgets(model, Pair.of(model, x, target), torch.stack(star))
    assert list(found.gap) == sorted(found.gap, reverse=True)
    assert found.gap[0] <= 1 + 1e-6
    for k, (image, epsilon) in enumerate(zip(found.images, BUDGETS, strict=True)):
        assert found.distance_relative[k] <= epsilon * (1 + 1e-5)
        torch.testing.assert_close(reconstruct(model, image[None])[0], found.reconstructions[k])


def test_rows_within_the_budget_are_not_marked_as_shortened() -> None:
    model = random_linear()
    x, target = random_images(2)
    pair = Pair.of(model, x, target)
    heard = model.encoder.T @ torch.linalg.pinv(model.encoder.T) @ (target - x).flatten()
    size = (target - x).norm().item()
    star = x + 0.15 * size * heard.reshape(SHAPE) / heard.norm()
    found = matched_budgets(model, pair, star[None])
    assert [candidates.how[1] for candidates in found.pool[:3]] == ["shortened", "shortened", "row"]


def stiff_linear() -> LinearAutoencoder:
    """A linear autoencoder whose singular values span a factor of 20, in a wide box."""
    model = random_linear(latents=60)
    scale = torch.logspace(-1.3, 0, 60, dtype=torch.float64)
    u, _, v = torch.linalg.svd(model.encoder, full_matrices=False)
    return LinearAutoencoder(u * scale @ v, model.decoder, bounds=(-50.0, 50.0))


def test_budgeted_attacks_reach_the_minimum_of_an_ill_conditioned_model() -> None:
    """The minimum of ‖M(d − x_t + x)‖ in a ball, from its secular equation."""
    model = stiff_linear()
    x, target = random_images(2)
    pair = Pair.of(model, x, target)
    found = matched_budgets(model, pair, x[None])
    product, aim = model.decoder @ model.encoder, (target - x).flatten()
    _, values, v = torch.linalg.svd(product, full_matrices=False)
    right = v @ aim
    for epsilon, gap in zip(BUDGETS, found.gap, strict=True):

        def excess(log_mu: float, radius: float = epsilon * pair.image_distance) -> float:
            return (values**2 * right / (values**2 + math.exp(log_mu))).norm().item() - radius

        mu = math.exp(brentq(excess, -30, 30))
        least = (values * right * mu / (values**2 + mu)).norm().item() / pair.separation
        assert least * (1 - 1e-6) <= gap <= 1.001 * least


@pytest.mark.parametrize("strong", [True, False])
def test_a_recheck_measures_how_far_new_starts_lower_the_gap(
    strong: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not strong:
        monkeypatch.setattr(budget_search, "_FIRST", (1, 1))
        monkeypatch.setattr(budget_search, "_EXCHANGED", (0, 2))
    model = stiff_linear()
    x, target = random_images(2)
    pair = Pair.of(model, x, target)
    before = matched_budgets(model, pair, x[None])
    after = matched_budgets(model, pair, x[None], recheck=torch.Generator().manual_seed(0))
    falls = [old - new for old, new in zip(before.gap, after.gap, strict=True)]
    assert after.unconverged == pytest.approx(falls)
    assert max(falls) < 1e-4 if strong else max(falls) > 0.03
    assert after.gap_of_rows == before.gap_of_rows
    for image, epsilon in zip(after.images, BUDGETS, strict=True):
        assert (image - x).norm().item() <= epsilon * pair.image_distance * (1 + 1e-9)


def test_pairs_in_one_batch_have_the_results_of_each_alone() -> None:
    model, images = stiff_linear(), random_images(6)
    pairs = [Pair.of(model, *images[k : k + 2]) for k in (0, 2, 4)]
    stored = [images[:k] for k in (1, 3, 2)]

    def generators() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(k) for k in range(3)]

    search = budget_search.BudgetSearch(model, pairs, BUDGETS, 7, 500)
    together = matched_budgets_of_pairs(search, stored, rechecks=generators())
    for pair, adversarial, generator, found in zip(
        pairs, stored, generators(), together, strict=True
    ):
        alone = matched_budgets(model, pair, adversarial, recheck=generator)
        assert found.gap == pytest.approx(alone.gap, rel=1e-4)
        assert found.blend_gap == pytest.approx(alone.blend_gap)
        assert [len(c.how) for c in found.pool] == [len(c.how) for c in alone.pool]


def test_the_starts_of_a_recheck_are_new_and_at_a_random_share_of_the_radius() -> None:
    model = stiff_linear()
    x, target = random_images(2)
    pair = Pair.of(model, x, target)
    pool = matched_budgets(model, pair, x[None]).pool
    sizes = []
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        starts = budget_search.new_starts(pair, pool, BUDGETS, generator)
        for start, candidates, epsilon in zip(starts, pool, BUDGETS, strict=True):
            moved = (start[0] - candidates.images[candidates.best]).norm().item()
            sizes.append(moved / (epsilon * pair.image_distance))
    assert 0.08 < min(sizes) < 0.12
    assert 0.8 < max(sizes) < 1.2


def test_the_second_stage_starts_at_the_neighbours_scaled_to_the_budget() -> None:
    model, (x, target) = stiff_linear(), random_images(2)
    pair = Pair.of(model, x, target)
    pool = matched_budgets(model, pair, x[None], lower=False).pool
    starts = budget_search.exchanged_starts(pair, pool, BUDGETS)
    assert [len(images) for images in starts] == [2, *[3] * (len(BUDGETS) - 2), 2]
    for position, (images, epsilon) in enumerate(zip(starts, BUDGETS, strict=True)):
        for image, k in zip(images, range(max(0, position - 1), position + 2), strict=False):
            best = pool[k].images[pool[k].best]
            torch.testing.assert_close(image - x, epsilon / BUDGETS[k] * (best - x))


def test_blend_lies_at_its_share_of_the_way() -> None:
    x, target = random_images(2)
    pair = Pair(x, target, x, target)
    assert math.dist(blend(pair, 0.3).flatten(), x.flatten()) == pytest.approx(
        0.3 * pair.image_distance
    )
