"""The mutual information gap: solved by hand, by SciPy's integrals, and by a grid on dSprites."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from tests.evaluation.stand_ins import LinearAutoencoder
from torch import Tensor

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.data import Factor, ImageData, Split, load_data
from seatbelt_vae.distributions import Normal
from seatbelt_vae.errors import DataError
from seatbelt_vae.evaluation.information import MutualInformation, Queries, mutual_information
from seatbelt_vae.evaluation.mig import gaps, measure_mig
from seatbelt_vae.protocol import Noise, Posterior

LOG2 = math.log(2)


def table(values: np.ndarray, names: Sequence[str]) -> ImageData:
    """A set whose images are its factor values, one pixel each."""
    pixels = values.astype(np.float32).reshape(len(values), 1, 1, -1)
    split = Split(np.arange(len(values)), lambda i: pixels[i], lambda i: values[i])
    factors = tuple(
        Factor(name, int(column.max()) + 1) for name, column in zip(names, values.T, strict=True)
    )
    return ImageData("table", (0.0, 1.0), pixels.shape[1:], split, split, factors)


def copying(rows: Sequence[Sequence[float]], std: float) -> LinearAutoencoder:
    """Units that are sums of factors, each with Gaussian noise."""
    encoder = torch.tensor(rows, dtype=torch.float32)
    return LinearAutoencoder(encoder, encoder.T, std, (1, 1, encoder.shape[1]), (0.0, 1.0))


@dataclass(frozen=True)
class TwoSteps(LinearAutoencoder):
    """z¹ = Ex + s₁ε, z² = z¹ + s₂ε, so that q(z²|x) = N(Ex, s₁² + s₂²) is known."""

    upper: float = 0.1

    @property
    def latent_sizes(self) -> tuple[int, ...]:
        return (len(self.encoder),) * 2

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        assert noise is not None
        below = super().encode(x, noise)
        q = Normal(below.z[0], torch.full_like(below.z[0], self.upper).log() * 2)
        return Posterior((*below.layers, q), (*below.z, q.sample(noise[1])))


def mixture_entropy(means: Sequence[float], std: float) -> float:
    """Entropy of a uniform mixture of Gaussians, by adaptive quadrature."""

    def density(z: float) -> float:
        return float(norm.pdf(z, means, std).mean())

    low, high = min(means) - 10 * std, max(means) + 10 * std
    return quad(lambda z: -density(z) * math.log(density(z)), low, high, points=sorted(set(means)))[
        0
    ]


def test_solved_by_hand() -> None:
    """a and b are uniform bits, c is 1 in a quarter of the images, d is constant."""
    a, b = (bit.ravel() for bit in np.meshgrid([0, 1], [0, 1], indexing="ij"))
    data = table(np.stack([a, b, a & b, 0 * a], axis=1), ["a", "b", "c", "d"])
    # unit 0 is a, unit 1 identifies all four images, unit 2 carries no information
    model = copying([[9, 0, 0, 0], [9, 18, 0, 0], [0, 0, 0, 0]], std=0.1)
    found = {gap.factor: gap for gap in measure_mig(model, data, EvaluationConfig())}
    assert list(found) == ["a", "b", "c"]
    h_c = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    i_c = h_c - 0.5 * LOG2  # H(c) − H(c|a): c varies only where a is 1
    for name, entropy, best, second in (
        ("a", LOG2, LOG2, LOG2),
        ("b", LOG2, LOG2, 0.0),
        ("c", h_c, h_c, i_c),
    ):
        gap = found[name]
        assert gap.entropy == pytest.approx(entropy)
        assert gap.mi_best == pytest.approx(best, abs=1e-5)
        assert gap.mi_second == pytest.approx(second, abs=1e-5)
        assert gap.mig_lower == gap.mig == gap.mig_upper
        assert gap.mig == pytest.approx((best - second) / entropy, abs=1e-5)
    assert (found["b"].best_unit, found["c"].best_unit, found["c"].second_unit) == (1, 1, 0)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("std", [0.1, 0.4, 1.0])
def test_noisy_units_against_quadrature(std: float, layers: int) -> None:
    """a takes two values, b three; unit 0 is a, unit 1 is b + a/2; noise of any size."""
    generator = np.random.Generator(np.random.Philox(1))
    cells = generator.permutation(np.tile(np.arange(6), 200))
    data = table(np.stack([cells % 2, cells // 2], axis=1), ["a", "b"])
    model = copying([[1, 0], [0.5, 1]], std)
    if layers == 2:
        split = std / math.sqrt(2)
        model = TwoSteps(
            model.encoder, model.decoder, split, model.event_shape, (0.0, 1.0), upper=split
        )
    settings = EvaluationConfig(mig_images=0, mig_queries=4800)
    a, b = measure_mig(model, data, settings)
    noise, sums = mixture_entropy([0], std), [0, 0.5, 1, 1.5, 2, 2.5]
    i_0a = mixture_entropy([0, 1], std) - noise
    i_1a = mixture_entropy(sums, std) - mixture_entropy([0, 1, 2], std)
    i_1b = mixture_entropy(sums, std) - mixture_entropy([0, 0.5], std)
    assert (a.entropy, b.entropy) == (pytest.approx(LOG2), pytest.approx(math.log(3)))
    assert (a.best_unit, b.best_unit, b.second_unit) == (0, 1, 0)
    # the mean over queries has a standard error of 0.009 at most
    assert a.mi_best == pytest.approx(i_0a, abs=0.04)
    assert a.mi_second == pytest.approx(i_1a, abs=0.04)
    assert b.mi_best == pytest.approx(i_1b, abs=0.04)
    assert b.mi_second == pytest.approx(0, abs=0.01)
    assert a.mig == pytest.approx((i_0a - i_1a) / LOG2, abs=0.06)


class Oracle:
    """Codes are centre, size and roundness of a sprite, with different noise per unit."""

    latent_sizes = (5,)
    std = torch.tensor([0.3, 0.6, 0.2, 0.2, 0.5])

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        mean = self.mean(x)
        q = Normal(mean, (2 * self.std.log()).expand(mean.shape))
        return Posterior((q,), (mean if noise is None else q.sample(noise[0]),))

    @staticmethod
    def mean(x: Tensor) -> Tensor:
        """Right, down, size, roundness, and a sum of right and down, each of order 1."""
        mass = (x[:, 0] + 1) / 2
        area = mass.sum((1, 2))
        place = torch.linspace(-2, 2, x.shape[-1])
        right, down = (mass * place).sum((1, 2)) / area, (mass * place[:, None]).sum((1, 2)) / area
        wide = (mass * place**2).sum((1, 2)) / area - right**2
        return torch.stack([right, down, area.log(), 8 * wide, right + down], dim=1)


def on_a_grid(mean: np.ndarray, std: float, values: np.ndarray) -> float:
    """I(z; v) of one unit over images, from densities on a grid."""
    z = np.linspace(mean.min() - 6 * std, mean.max() + 6 * std, 500)

    def entropy(means: np.ndarray) -> float:
        density = norm.pdf(z[:, None], means, std).mean(1)
        return float(np.trapezoid(-density * np.log(np.maximum(density, 1e-300)), z))

    kept = [(values == value) for value in np.unique(values)]
    return entropy(mean) - sum(own.mean() * entropy(mean[own]) for own in kept)


def test_an_oracle_on_dsprites() -> None:
    data = load_data("dsprites", image_size=32)
    settings = EvaluationConfig(mig_images=400, mig_queries=8000)
    found = measure_mig(Oracle(), data, settings)
    assert [gap.factor for gap in found] == ["shape", "scale", "orientation", "x", "y"]
    order = np.random.Generator(np.random.Philox(0)).permutation(len(data.train))[:400]
    mean = Oracle.mean(data.train.batch(order)).numpy()
    values = data.train.factors(order)
    for column, gap in enumerate(found):
        share = np.bincount(values[:, column]) / 400
        assert gap.entropy == pytest.approx(-(share * np.log(share)).sum())
        informations = [
            on_a_grid(mean[:, unit], std, values[:, column])
            for unit, std in enumerate(Oracle.std.tolist())
        ]
        best, second = np.argsort(informations)[::-1][:2]
        assert gap.mi_best == pytest.approx(informations[best], abs=0.03)
        assert gap.mi_second == pytest.approx(informations[second], abs=0.03)
        expected = (informations[best] - informations[second]) / gap.entropy
        assert gap.mig == pytest.approx(expected, abs=0.03)
        if expected > 0.1:
            assert (gap.best_unit, gap.second_unit) == (best, second)
    assert [gap.best_unit for gap in found if gap.factor in ("scale", "x", "y")] == [2, 0, 1]


def test_images_are_a_random_subset_and_queries_go_round() -> None:
    values = np.arange(60)[:, None] // 20  # sorted, so the first images have equal values
    data, model = table(values, ["a"]), copying([[5.0]], std=0.1)
    told: list[tuple[str, int, int]] = []
    (gap,) = measure_mig(
        model,
        data,
        EvaluationConfig(mig_images=30, mig_queries=90, batch_size=25),
        lambda *now: told.append(now),
    )
    assert gap.entropy == pytest.approx(math.log(3), abs=0.1)
    assert gap.mi_best == pytest.approx(gap.entropy, abs=1e-5)  # 90 = three rounds of 30
    assert told == [("mutual information gap", 25, 30), ("mutual information gap", 30, 30)]


def test_bounds_are_those_of_the_two_best_units() -> None:
    """The gap is smallest for the lower bound of the best and the upper bound of the second."""
    value, lower, upper = (
        torch.tensor([units], dtype=torch.float64)
        for units in ([0.25, 1.0, 0.5], [0.125, 0.875, 0.375], [0.3125, 1.25, 0.625])
    )
    (gap,) = gaps({"a": 0.5}, MutualInformation(value, lower, upper))
    assert (gap.best_unit, gap.second_unit) == (1, 2)
    assert gap.mig_lower == (0.875 - 0.625) / 0.5
    assert gap.mig_upper == (1.25 - 0.375) / 0.5


def test_one_unit_has_no_second() -> None:
    known = [torch.tensor([[value]], dtype=torch.float64) for value in (0.6, 0.3, 0.9)]
    (gap,) = gaps({"a": 1.2}, MutualInformation(*known))
    assert (gap.mig, gap.mig_lower, gap.mig_upper) == (0.5, 0.25, 0.75)
    assert (gap.best_unit, gap.second_unit, gap.mi_second) == (0, None, 0.0)


def test_results_depend_on_the_seed_only() -> None:
    values = np.random.Generator(np.random.Philox(0)).integers(0, 3, (50, 2))
    data, model = table(values, ["a", "b"]), copying([[1, 0], [1, 1]], std=0.5)
    settings = EvaluationConfig(mig_queries=80)
    first = measure_mig(model, data, settings)
    torch.manual_seed(5)
    assert measure_mig(model, data, settings) == first
    other = measure_mig(model, data, EvaluationConfig(mig_queries=80, seed=1))
    assert all(a.mi_best != b.mi_best for a, b in zip(first, other, strict=True))


def test_against_loops_over_components(monkeypatch: pytest.MonkeyPatch) -> None:
    """7 images along 2 paths: explicit sums without and with the query's own conditional."""
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 14, 3, generator=generator, dtype=torch.float64)
    z, own_mean, own_log_variance = torch.randn(3, 9, 3, generator=generator, dtype=torch.float64)
    owner, values = torch.arange(9) * 3 % 7, torch.arange(7) * 5 % 3
    queries = Queries(z, owner, Normal(own_mean, own_log_variance))
    expected: dict[str, list[Tensor]] = {"value": [], "lower": [], "upper": []}
    for q in range(9):
        densities = {}
        for given in (True, False):
            for kept in ("without", "counted"):
                total, count = torch.zeros(3, dtype=torch.float64), 0
                for path in range(2):
                    for n in range(7):
                        if given and values[n] != values[owner[q]]:
                            continue
                        m = 7 * path + n
                        if kept == "counted" and path == 0 and n == owner[q]:
                            component = own_mean[q], own_log_variance[q]
                        else:
                            component = mean[m], log_variance[m]
                        normal = torch.distributions.Normal(component[0], (component[1] / 2).exp())
                        total, count = total + normal.log_prob(z[q]).exp(), count + 1
                densities[given, kept] = (total / count).log()
        for name, first, second in (
            ("value", "counted", "counted"),
            ("lower", "without", "counted"),
            ("upper", "counted", "without"),
        ):
            expected[name].append(densities[True, first] - densities[False, second])
    for at_once in (1 << 14, 3):
        monkeypatch.setattr("seatbelt_vae.evaluation.information._AT_ONCE", at_once)
        found = mutual_information(queries, Normal(mean, log_variance), [values])
        for name, rows in expected.items():
            torch.testing.assert_close(getattr(found, name)[0], torch.stack(rows).mean(0))


@pytest.mark.parametrize("upper", [0.1, 0.01])
def test_two_layers_lie_in_their_bracket(upper: float) -> None:
    """Forty values, few images of each, and less noise in the top layer than below."""
    values = np.tile(np.arange(40), 10)[:, None]
    model = copying([[1 / 12]], 0.3)
    model = TwoSteps(model.encoder, model.decoder, 0.3, (1, 1, 1), (0.0, 1.0), upper=upper)
    settings = EvaluationConfig(mig_images=0, mig_queries=4000)
    (gap,) = measure_mig(model, table(values, ["a"]), settings)
    means, std = (np.arange(40) / 12).tolist(), math.hypot(0.3, upper)
    expected = (mixture_entropy(means, std) - mixture_entropy([0], std)) / math.log(40)
    assert gap.mig_lower < expected < gap.mig_upper
    assert gap.mig_lower < gap.mig < gap.mig_upper
    assert (gap.mig_upper - gap.mig_lower < 0.1) == (upper == 0.1)


@pytest.mark.parametrize("factors", [(), (Factor("colour", 1),)])
def test_a_set_without_a_factor_that_varies_is_refused(factors: tuple[Factor, ...]) -> None:
    data = table(np.zeros((4, 1), dtype=np.int64), ["colour"])
    none = ImageData("mine", data.bounds, data.image_shape, data.train, data.test, factors)
    with pytest.raises(DataError) as caught:
        measure_mig(copying([[1.0]], std=0.1), none, EvaluationConfig())
    assert str(caught.value) == (
        "'mine' has no known factor that varies, as the MIG needs: leave mig out, or choose a set "
        "with factors, e.g. dsprites"
    )


def test_images_without_any_variety_are_refused() -> None:
    data = table(np.arange(9)[:, None], ["a"])
    with pytest.raises(DataError) as caught:
        measure_mig(copying([[1.0]], std=0.1), data, EvaluationConfig(mig_images=1))
    assert str(caught.value) == (
        "no known factor of 'table' varies over the images used (1): use more mig_images"
    )
