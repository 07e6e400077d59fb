"""One pair's measures: closed forms on linear models, consistency on a random hierarchical one."""

import math
from dataclasses import replace

import pytest
import torch
from tests.evaluation.stand_ins import (
    VARIANCE,
    LinearAutoencoder,
    attack_rows,
    identity_autoencoder,
    random_images,
    random_linear,
    random_vae,
)
from torch import Tensor

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ShapeError
from seatbelt_vae.evaluation.distortion_damage import auddc
from seatbelt_vae.evaluation.measures import BUDGETS, PAIR_MEASURES
from seatbelt_vae.evaluation.robustness import measure_pair
from seatbelt_vae.evaluation.sampled_path import negative_log_likelihood, sampled_gap
from seatbelt_vae.protocol import draw_noise
from seatbelt_vae.randomness import Stream, generator_for

X, TARGET, OTHER = random_images(3)
SETTINGS = AttackConfig(fresh_draws=16)


def test_nll_of_a_linear_model_in_closed_form() -> None:
    model = random_linear()
    draws = 40_000
    noise = draw_noise(model.latent_sizes, (draws, 1), torch.Generator().manual_seed(0), like=X)
    found = negative_log_likelihood(model, TARGET, torch.stack([OTHER, TARGET]), noise)
    product, pixels = model.decoder @ model.encoder, TARGET.numel()
    spread = model.std**2 * model.decoder.square().sum().item()
    for value, star in zip(found.tolist(), (OTHER, TARGET), strict=True):
        error = (product @ star.flatten() - TARGET.flatten()).square().sum().item()
        # E‖x_t − Dz‖² = ‖x_t − DEx*‖² + s²‖D‖²_F
        expected = (error + spread) / (2 * VARIANCE)
        expected += pixels / 2 * math.log(2 * math.pi * VARIANCE)
        scale = model.std * (model.decoder.T @ (product @ star.flatten() - TARGET.flatten()))
        standard_error = scale.norm().item() / VARIANCE / draws**0.5
        assert value == pytest.approx(expected, abs=5 * standard_error + 0.05)


def test_the_floor_of_the_nll_is_that_of_the_target_itself() -> None:
    settings = replace(SETTINGS, strength="paper")
    pair = measure_pair(
        random_linear(), X, TARGET, torch.stack([OTHER, TARGET]), attack_rows(0, 2), settings
    )
    other, itself = pair.rows
    assert other["nll_target_floor"] == itself["nll_target_floor"] == itself["nll_target"]
    excess = PAIR_MEASURES["nll_excess"]
    found = excess.compute(attack_rows(0, 2), pair)
    assert found == pytest.approx((other["nll_target"] - itself["nll_target"]) / 2)
    # over many draws (‖x_t − DEx*‖² − ‖x_t − DEx_t‖²) / 2v
    model = random_linear()
    product = model.decoder @ model.encoder
    apart = [(product @ s.flatten() - TARGET.flatten()).square().sum() for s in (OTHER, TARGET)]
    many = measure_pair(
        model, X, TARGET, OTHER[None], attack_rows(0, 1), replace(settings, fresh_draws=20_000)
    )
    expected = ((apart[0] - apart[1]) / (2 * VARIANCE)).item()
    assert excess.compute(attack_rows(0, 1), many) == pytest.approx(expected, rel=0.02)


def test_nll_is_the_mean_of_the_logarithm() -> None:
    model = random_vae()
    images = random_images(2, dtype=torch.float32)
    noise = draw_noise(model.latent_sizes, (3, 1), torch.Generator().manual_seed(1))
    total = 0.0
    for k in range(3):
        posterior = model.encode(images[:1], [n[k] for n in noise])
        total -= model.decode(posterior.z).log_prob(images[1]).item()
    found = negative_log_likelihood(model, images[1], images[:1], noise)
    assert found.item() == pytest.approx(total / 3, rel=1e-5)


def test_sampled_gap_of_a_linear_model_is_the_mean_paths() -> None:
    # common noise adds the same D·s·ε to all three reconstructions, which cancels
    model, star = random_linear(), torch.stack([X, TARGET, OTHER])
    noise = draw_noise(model.latent_sizes, (8, 1), torch.Generator().manual_seed(0), like=X)
    product = model.decoder @ model.encoder
    whole = (product @ (X - TARGET).flatten()).norm()
    expected = [((product @ (s - TARGET).flatten()).norm() / whole).item() for s in star]
    assert sampled_gap(model, X, TARGET, star, noise).tolist() == pytest.approx(expected, abs=1e-10)


def test_sampled_gap_is_a_ratio_of_means_over_draws() -> None:
    model = random_vae()
    x, target, star = random_images(3, dtype=torch.float32)
    noise = draw_noise(model.latent_sizes, (4, 1), torch.Generator().manual_seed(2))
    above = below = 0.0
    for k in range(4):
        draw = [n[k] for n in noise]
        recs = [model.decode(model.encode(i[None], draw).z).mean for i in (x, target, star)]
        above += (recs[2] - recs[1]).norm().item()
        below += (recs[0] - recs[1]).norm().item()
    found = sampled_gap(model, x, target, star[None], noise)
    assert found.item() == pytest.approx(above / below, rel=1e-4)


def test_rows_of_the_identity_map() -> None:
    model = identity_autoencoder()
    star = torch.stack([X, X + 0.5 * (TARGET - X), TARGET])
    found = measure_pair(model, X, TARGET, star, attack_rows(7, 3), SETTINGS)
    for row, share in zip(found.rows, (0, 0.5, 1), strict=True):
        assert row["pair"] == 7
        assert row["gap"] == pytest.approx(1 - share, abs=1e-12)
        assert row["gap_sampled"] == pytest.approx(1 - share, abs=1e-9)
        assert row["distortion"] == pytest.approx(1 - share, abs=1e-12)
        assert row["distance_relative"] == pytest.approx(share)
        distance = (1 - share) * (TARGET - X).norm().item()
        assert row["target_error"] == pytest.approx(distance, abs=1e-12)
        assert row["target_reconstruction_error"] == 0
        assert row["told_apart"]
    assert [row["level"] for row in found.rows] == [1, 2, 4]
    assert found.area is not None
    assert found.area_worst is not None
    assert found.area.value == pytest.approx(0.5)
    assert found.area_worst.value == pytest.approx(0.5)
    for row, epsilon in zip(found.budget_rows, BUDGETS, strict=True):
        assert row["gap"] == pytest.approx(1 - epsilon)
        assert row["identity_gap"] == 1 - epsilon
        assert row["epsilon"] == epsilon


def test_points_of_budgets_have_the_gap_of_the_sampled_path_and_a_recheck() -> None:
    model = random_vae()
    x, target, star = random_images(3, dtype=torch.float32)
    settings = AttackConfig(fresh_draws=8, seed=4)
    found = measure_pair(model, x, target, star[None], attack_rows(2, 1), settings)
    generator = generator_for(Stream.FRESH_NOISE, 4, 2)
    noise = draw_noise(model.latent_sizes, (8, 1), generator, like=x)

    def distance(image: Tensor) -> float:
        recs = [model.decode(model.encode(i[None], noise).z).mean for i in (image, target)]
        return float((recs[0] - recs[1]).flatten(1).norm(dim=1).mean())

    for row, image in zip(found.budget_rows, found.budgets.images, strict=True):
        assert row["gap_sampled"] == pytest.approx(distance(image) / distance(x), rel=1e-4)
        assert row["gap_sampled"] != pytest.approx(row["gap"], rel=1e-4)
        assert row["unconverged"] >= 0
    published = replace(settings, strength="paper")
    found = measure_pair(model, x, target, star[None], attack_rows(2, 1), published)
    assert {row["unconverged"] for row in found.budget_rows} == {None}


def test_the_worst_area_also_covers_candidates_of_the_budgets() -> None:
    half = torch.eye(X.numel(), dtype=torch.float64)[: X.numel() // 2]
    model = LinearAutoencoder(half, half.T)
    x, target, *star = random_images(8)
    images = torch.stack([0.5 * (x + s) for s in star])
    found = measure_pair(model, x, target, images, attack_rows(0, len(images)), SETTINGS)
    assert found.area is not None
    assert found.area_worst is not None
    published = auddc(
        [row["distance_relative"] for row in found.rows], [row["distortion"] for row in found.rows]
    )
    assert found.area == published
    assert found.area_worst.value < found.area.value


def test_settings_repeat_and_pairs_draw_their_own_noise() -> None:
    model = random_vae()
    x, target, star = random_images(3, dtype=torch.float32)

    def nll(pair: int, seed: int) -> float:
        # the published attack, to which no budgeted attacks are added
        settings = AttackConfig(strength="paper", fresh_draws=4, seed=seed)
        rows = attack_rows(pair, 1)
        value: float = measure_pair(model, x, target, star[None], rows, settings).rows[0][
            "nll_target"
        ]
        return value

    assert nll(0, 0) == nll(0, 0)
    assert len({nll(0, 0), nll(1, 0), nll(0, 1)}) == 3


def test_no_budgeted_attacks_are_added_to_the_published_attack() -> None:
    rows, stars = attack_rows(0, 1), X[None]
    ours, published = (
        measure_pair(random_linear(), X, TARGET, stars, rows, replace(SETTINGS, strength=p))
        for p in ("strong", "paper")
    )
    assert "budgeted" in ours.budgets.how
    assert "budgeted" not in published.budgets.how


def test_a_collapsed_model_has_no_gap_and_is_not_told_apart() -> None:
    model = random_linear()
    deaf = type(model)(model.encoder * 0, model.decoder)
    found = measure_pair(deaf, X, TARGET, OTHER[None], attack_rows(0, 1), SETTINGS)
    assert found.rows[0]["gap"] is None
    assert found.area is None
    assert not found.rows[0]["told_apart"]
    assert found.budget_rows[0]["gap"] is None


def test_images_and_rows_must_agree_in_number() -> None:
    with pytest.raises(ShapeError, match="1 adversarial images for 2 rows"):
        measure_pair(random_linear(), X, TARGET, OTHER[None], attack_rows(0, 2), SETTINGS)
