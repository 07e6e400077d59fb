"""r-robustness and its margin, against chi-square and half-space closed forms and SciPy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.evaluation.stand_ins import LinearAutoencoder, random_images, random_vae
from torch import Tensor

from seatbelt_vae.distributions import Normal, NormalImage
from seatbelt_vae.errors import ConfigError, ShapeError
from seatbelt_vae.evaluation import margin as margin_module
from seatbelt_vae.evaluation.margin import (
    Margins,
    clopper_pearson,
    margins,
    mean_jacobian,
    r_robustness,
)
from seatbelt_vae.protocol import Noise, Posterior

STD = 0.5
RADIUS = 1.0
ORIGIN = torch.zeros(1, 1, 1, 3, dtype=torch.float64)
FIRST = torch.tensor([[0.8, -0.4, 0.3]], dtype=torch.float64)
SECOND = torch.tensor([[-1.0, 0.5, 0.6]], dtype=torch.float64)


@dataclass(frozen=True)
class HalfSpace:
    """An affine chain of one unit per layer; the decoder is a step in one direction of the noise.

    z¹ = E₁x + sη¹ and z² = z¹ + E₂x + sη²; with w·η the direction, g = max(s w·η, 0) at x = 0.
    """

    blocks: tuple[Tensor, ...]
    direction: tuple[float, ...]
    event_shape: tuple[int, int, int] = (1, 1, 3)
    bounds: tuple[float, float] = (-1.0, 1.0)

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        return (1,) * len(self.blocks)

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        layers, path = [], []
        for i, block in enumerate(self.blocks):
            mean = x.flatten(1) @ block.T + (path[-1] if path else 0)
            layers.append(Normal(mean, torch.full_like(mean, 2 * math.log(STD))))
            path.append(mean if noise is None else layers[-1].sample(noise[i]))
        return Posterior(tuple(layers), tuple(path))

    def prior(self, z: Sequence[Tensor]) -> tuple[Normal, ...]:
        raise NotImplementedError

    def decode(self, z: Sequence[Tensor]) -> NormalImage:
        moves = [z[0], *(above - below for below, above in pairwise(z))]
        along = sum(w * move for w, move in zip(self.direction, moves, strict=True))
        image = torch.cat([along.clamp(min=0), 0 * along, 0 * along], dim=-1)
        return NormalImage(image.reshape(*image.shape[:-1], 1, 1, 3), 0.1)


def worst_case(*blocks: Tensor) -> tuple[HalfSpace, Tensor, float]:
    """The worst decoder, the worst perturbation of length 1, and ‖J‖₂."""
    left, singular, right = torch.linalg.svd(torch.cat(blocks), full_matrices=False)
    model = HalfSpace(blocks, tuple(left[:, 0].tolist()))
    return model, right[0].reshape(1, 1, 1, 3), singular[0].item()


def exactly(model: HalfSpace, norm: float) -> Margins:
    """The margins with the true probability Φ(r/s) in place of its lower bound."""
    found = margins(model, ORIGIN, RADIUS)
    truth = torch.tensor([stats.norm.cdf(RADIUS / STD)])
    assert found.spectral_norm.item() == pytest.approx(norm, rel=1e-12)
    return Margins(truth, found.smallest_std, found.frobenius_norm, found.spectral_norm)


def scaled_rotation(latents: int = 3, scale: float = 2.0) -> LinearAutoencoder:
    """D with orthogonal columns of one length, so that distances to the centre are chi-square."""
    generator = torch.Generator().manual_seed(3)
    columns = torch.linalg.qr(torch.randn(256, latents, generator=generator).double()).Q
    rows = torch.randn(latents, 256, generator=generator).double() / 16
    return LinearAutoencoder(rows, scale * columns, std=STD)


@pytest.mark.parametrize("blocks", [(FIRST,), (FIRST, SECOND)])
def test_the_worst_decoder_is_broken_exactly_at_the_margin(blocks: tuple[Tensor, ...]) -> None:
    model, worst, norm = worst_case(*blocks)
    radius = exactly(model, norm).spectral.item()
    assert radius == pytest.approx(RADIUS / norm, rel=1e-12)
    for share in (0.0, 0.95, 1.05):
        perturbed = ORIGIN + share * radius * worst
        found = r_robustness(model, ORIGIN, perturbed, RADIUS, draws=20_000, batch=20_000)
        truth = stats.norm.cdf((1 - share) * RADIUS / STD)
        low, high = found.interval[0].tolist()
        assert low < truth < high
        assert (low > 0.5) == (share < 1)
        assert (high < 0.5) == (share > 1)


def test_a_total_derivative_would_give_too_large_a_margin() -> None:
    # the two contributions to z² cancel, so that the norm of total derivatives is smaller
    _, _, norm = worst_case(FIRST, SECOND)
    total = torch.linalg.matrix_norm(torch.cat([FIRST, FIRST + SECOND]), 2).item()
    assert total < 0.9 * norm
    model, _, _ = worst_case(FIRST, SECOND)
    jacobian = mean_jacobian(model, torch.cat([ORIGIN, ORIGIN + 0.3]))
    expected = torch.cat([FIRST, SECOND]).expand(2, 2, 3)
    torch.testing.assert_close(jacobian, expected, rtol=0, atol=1e-15)


def test_published_and_tighter_margin_and_their_confidence() -> None:
    model, _, norm = worst_case(FIRST, SECOND)
    found, exact = margins(model, ORIGIN, RADIUS, draws=4000), exactly(model, norm)
    frobenius = torch.cat([FIRST, SECOND]).norm().item()
    inside = r_robustness(model, ORIGIN, ORIGIN, RADIUS, draws=4000).inside.item()
    low = stats.beta.ppf(0.05, inside, 4000 - inside + 1)
    assert found.probability.item() == pytest.approx(low, rel=1e-10)
    assert found.smallest_std.item() == pytest.approx(STD, rel=1e-12)
    reach = STD * stats.norm.ppf(low)
    assert found.frobenius.item() == pytest.approx(reach / frobenius, rel=1e-10)
    assert found.spectral.item() == pytest.approx(reach / norm, rel=1e-10)
    assert 0.9 * exact.spectral < found.spectral < exact.spectral


def test_no_margin_once_half_of_the_draws_are_outside() -> None:
    seeing = scaled_rotation()
    blind = LinearAutoencoder(0 * seeing.encoder, seeing.decoder, STD)
    for model in (seeing, blind):
        none = margins(model, random_images(2), 1.2)
        assert ((none.probability > 0.1) & (none.probability < 0.5)).all()
        assert none.spectral.tolist() == none.frobenius.tolist() == [0.0, 0.0]
    assert margins(blind, random_images(2), 5.0).spectral.tolist() == [math.inf, math.inf]


def test_a_linear_decoder_in_closed_form() -> None:
    model, x = scaled_rotation(), random_images(3)
    perturbed = x + 0.3 * random_images(3, seed=1)
    radius, draws = 2.0, 20_000
    shift = ((perturbed - x).flatten(1) @ model.encoder.T).square().sum(1) / STD**2
    for images, noncentrality in ((x, 0 * shift), (perturbed, shift)):
        found = r_robustness(model, x, images, radius, draws=draws, batch=7000)
        reach = (radius / (2.0 * STD)) ** 2
        truth = stats.ncx2.cdf(reach, 3, noncentrality + 1e-12)
        tolerance = 4 * (truth * (1 - truth) / draws) ** 0.5
        assert (abs(found.probability.numpy() - truth) < tolerance).all()
    # balls are not the worst sets: they stay r-robust at the margin in the worst direction
    found = margins(model, x, radius)
    for n in range(3):
        moved = (found.spectral[n] * found.spectral_norm[n]).item() / STD
        assert stats.ncx2.cdf(reach, 3, moved**2) > 0.5


def test_norms_of_a_known_matrix() -> None:
    model = scaled_rotation(latents=5)
    x = random_images(2)
    found = margins(model, x, 1.0)
    torch.testing.assert_close(mean_jacobian(model, x), model.encoder.expand(2, 5, 256))
    norms = [torch.linalg.matrix_norm(model.encoder, p).expand(2) for p in ("fro", 2)]
    torch.testing.assert_close(found.frobenius_norm, norms[0], rtol=1e-12, atol=0)
    torch.testing.assert_close(found.spectral_norm, norms[1], rtol=1e-12, atol=0)


def test_jacobians_of_a_network_equal_autograd_and_differences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, x = random_vae((6, 4, 3)).double(), random_images(3)
    jacobian = mean_jacobian(model, x)
    assert jacobian.shape == (3, 13, 256)
    path = [z.detach() for z in model.encode(x).z]
    for n in range(3):
        bottom = torch.autograd.functional.jacobian(lambda v: model.encode(v).z[0], x[n : n + 1])
        torch.testing.assert_close(jacobian[n, :6], bottom.reshape(6, 256))
    direction, step = random_images(3, seed=2), 1e-5

    def means(images: Tensor) -> Tensor:
        features = model.encoder(images)
        inputs = [torch.cat([features, z], dim=-1) for z in path[:-1]]
        nets = zip(model.posterior_nets, inputs, strict=True)
        upper = [net(i).chunk(2, dim=-1)[0] for net, i in nets]
        return torch.cat([model.encode(images).z[0], *upper], dim=-1)

    slope = (means(x + step * direction) - means(x - step * direction)) / (2 * step)
    product = torch.einsum("nup,np->nu", jacobian, direction.flatten(1))
    torch.testing.assert_close(product, slope, rtol=1e-5, atol=1e-9)

    whole = margins(model, x, 5.0)
    torch.testing.assert_close(whole.frobenius_norm, jacobian.square().sum((1, 2)).sqrt())
    torch.testing.assert_close(whole.spectral_norm, torch.linalg.matrix_norm(jacobian, 2))
    stds = torch.cat([q.std for q in model.encode(x).layers], dim=-1)
    torch.testing.assert_close(whole.smallest_std, stds.min(dim=1).values)
    monkeypatch.setattr(margin_module, "_ENTRIES", 1)
    torch.testing.assert_close(margins(model, x, 5.0).spectral_norm, whole.spectral_norm)


def test_gradients_and_parameters_do_not_change() -> None:
    model = random_vae().requires_grad_(True)
    x = random_images(2, dtype=torch.float32)
    found = margins(model, x, 5.0)
    assert all(p.grad is None for p in model.parameters())
    assert not x.requires_grad
    assert not any(part.requires_grad for part in vars(found).values())


def test_noise_depends_on_the_seed_and_the_position_only() -> None:
    model, x = random_vae().double(), random_images(2)
    distances = torch.linspace(0.05, 1, 12).tolist()
    counts = [r_robustness(model, x, x, r, draws=150, batch=40).inside for r in distances]
    again = [r_robustness(model, x[:1], x[:1], r, draws=150).inside for r in distances]
    other = [r_robustness(model, x, x, r, draws=150, seed=1).inside for r in distances]
    assert [c[:1].tolist() for c in counts] == [c.tolist() for c in again]
    assert [c.tolist() for c in counts] != [c.tolist() for c in other]
    assert counts[0].sum() < counts[-1].sum()
    twins = x[:1].repeat(8, 1, 1, 1)
    inside = r_robustness(scaled_rotation(), twins, twins, 1.5, draws=1000).inside
    assert len(set(inside.tolist())) > 4


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.floats(0, 1), st.sampled_from([1e-6, 0.025, 0.05, 0.5]))
def test_at_the_bound_the_tail_has_the_given_probability(
    draws: int, share: float, error: float
) -> None:
    counts = torch.tensor([0, 1, round(share * draws), draws])
    found = clopper_pearson(counts, draws, error)
    assert found.dtype == torch.float64
    for k, bound in zip(counts.tolist(), found.tolist(), strict=True):
        if k == 0:
            assert bound == 0
        else:
            assert stats.binom.sf(k - 1, draws, bound) == pytest.approx(error, rel=1e-6)


def test_clopper_pearson_of_many_draws() -> None:
    counts = torch.tensor([[1, 37, 52_000], [99_999, 100_000, 5]])
    bounds = clopper_pearson(counts, 10**5, 0.05)
    assert bounds.shape == (2, 3)
    for k, bound in zip(counts.flatten(), bounds.flatten(), strict=True):
        assert stats.binom.sf(int(k) - 1, 10**5, float(bound)) == pytest.approx(0.05, rel=1e-6)


def test_the_interval_is_scipys() -> None:
    counts = [0, 1, 500, 730, 1000]
    found = margin_module.Robustness(torch.tensor(counts), 1000)
    for k, (low, high) in zip(counts, found.interval.tolist(), strict=True):
        expected = stats.binomtest(k, 1000).proportion_ci(0.95, "exact")
        assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-9)
    assert found.probability.tolist() == [k / 1000 for k in counts]


def test_invalid_arguments_are_refused() -> None:
    model, x = scaled_rotation(), random_images(2)
    for wrong in ((-1, 10, 0.05), (11, 10, 0.05), (3, 10, 0.0), (3, 10, 1.0)):
        successes, draws, error = wrong
        with pytest.raises(ConfigError, match=f"{successes} successes in 10 draws"):
            clopper_pearson(torch.tensor(successes), draws, error)
    with pytest.raises(ConfigError, match="draws is 999"):
        margins(model, x, 1.0, draws=999)
    with pytest.raises(ConfigError, match="radius is -1"):
        r_robustness(model, x, x, -1.0)
    with pytest.raises(ShapeError, match=r"shape \(1, 1, 16, 16\), expected \(2, 1, 16, 16\)"):
        r_robustness(model, x, x[:1], 1.0)
