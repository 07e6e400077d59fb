"""The objectives of the independent search equal the attack's; it finds minima and judges rows."""

import argparse
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.exact_problem import WRITTEN_OUT, ExactProblem
from benchmarks.search import summary
from benchmarks.search_descents import search
from benchmarks.search_starts import start_distortions
from scipy.optimize import approx_fprime

from benchmarks import search as benchmark
from benchmarks import search_descents
from seatbelt_vae.attacks import AttackResult, attack
from seatbelt_vae.config import AttackConfig, ModelConfig, resolve
from seatbelt_vae.config.attack import THREATS, parse_layers
from seatbelt_vae.config.loss_files import WITHOUT_FLOOR
from seatbelt_vae.protocol import draw_noise
from seatbelt_vae.randomness import Stream, generator_for
from tests.random_models import random_model

_NETWORKS = {
    "gaussian": ModelConfig("vae", latent_sizes=(3,), network="mlp", features=16),
    "bernoulli": ModelConfig(
        "vae", latent_sizes=(3,), network="mlp", features=16, likelihood="bernoulli"
    ),
    "two layers": ModelConfig(
        "seatbelt", latent_sizes=(4, 2), network="mlp", features=16, hierarchy_widths=(8,)
    ),
}


def _problem(
    network: str, config: AttackConfig, *, levels: torch.Tensor | None = None
) -> tuple[AttackResult, ExactProblem]:
    torch.manual_seed(0)
    shape = resolve(_NETWORKS[network], "toy", (1, 6, 6), (-1.0, 1.0))
    model = random_model(shape).double().eval().requires_grad_(False)
    x, target = 2 * torch.rand(2, 1, 1, 6, 6, dtype=torch.float64) - 1
    ours = attack(deepcopy(model), x, target, config, levels=levels)
    noise = None
    if config.path_used == "common":
        generator = generator_for(Stream.LOSS_NOISE, config.seed, 0)
        drawn = draw_noise(model.latent_sizes, (config.draws, 1), generator)
        noise = [layer.double() for layer in drawn]
    layers = parse_layers(config.layers, len(model.latent_sizes))
    return ours, ExactProblem(model, config.loss, config.threat, layers, x, target, noise)


@pytest.mark.parametrize("threat", THREATS)
@pytest.mark.parametrize("loss", WRITTEN_OUT)
@pytest.mark.parametrize("network", _NETWORKS)
def test_losses_and_threats_are_written_out(network: str, loss: str, threat: str) -> None:
    if loss in WITHOUT_FLOOR and "penalty" in threat:
        pytest.skip("a loss without a floor needs a budget")
    config = AttackConfig(loss=loss, threat=threat, strength="single", max_evaluations=3)
    ours, exact = _problem(network, config)
    d = ours.points[0] - exact.x.flatten()
    values = exact.divergence(d) + exact.cost(d, ours.levels[0])
    # the noise of the common path is drawn in float64, and the W2 has 1e-12 under its root
    torch.testing.assert_close(values, ours.delta[0], rtol=1e-6, atol=1e-6)
    floor = exact.floor()
    if floor is not None and ours.problem.loss.floor is not None:
        assert floor == pytest.approx(float(ours.problem.loss.floor[0]), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("threat", THREATS)
@pytest.mark.parametrize("loss", ["latent-w2", "output-l2"])
def test_search_is_no_worse_than_the_attack(loss: str, threat: str) -> None:
    config = AttackConfig(loss=loss, threat=threat, restarts=8, recheck=0)
    ours, exact = _problem("gaussian", config)
    width = ours.levels.shape[1]
    chosen = [width // 2, width - 1] if config.within_budget else [width // 2, 2 * width // 3]
    others = 2 * torch.rand(4, 1, 6, 6, dtype=torch.float64) - 1
    starts = start_distortions(exact, others, torch.Generator().manual_seed(0))
    assert sum(map(len, starts.values())) >= 30
    levels = ours.levels[0, chosen]
    found, origins = search(exact, levels, torch.cat([*starts.values()]), (30, 2, 400))
    values = exact.divergence(found) + exact.cost(found, levels)
    assert bool((values <= 1.01 * ours.delta[0, chosen] + 1e-6).all())
    assert bool((origins < sum(map(len, starts.values()))).all())


def _row(difference: float, *flags: str, start_point: bool = False) -> dict[str, Any]:
    return {
        "relative_difference": difference,
        "flags": list(flags),
        "start_point": start_point,
        "reported": 1.0,
        "ours": 1.0,
        "remaining": 1.0,
    }


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([_row(0.0)] * 100, True),
        ([_row(0.0)] * 99 + [_row(0.02, "not converged")], True),
        ([_row(0.0)] * 99 + [_row(0.02)], False),
        ([_row(0.0)] * 98 + [_row(0.02, "not converged")] * 2, False),
        ([_row(0.0)] * 99 + [_row(0.06, "not converged")], False),
        ([_row(0.0)] * 99 + [_row(0.0, start_point=True)], False),
        ([_row(0.0)] * 99 + [_row(0.0, "not converged", start_point=True)], True),
    ],
)
def test_promise(rows: list[dict[str, Any]], kept: bool) -> None:
    assert summary(rows)["promise_kept"] is kept


def test_beaten_rows_at_the_target_are_counted_apart() -> None:
    rows = [_row(0.0), _row(0.02), *(_row(0.3) | {"remaining": r} for r in (0.0, 9e-4, 2e-3, None))]
    found = summary(rows)
    assert found["beaten_at_target"] == 2
    assert found["share_beaten"] == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    "objective",
    [
        partial(search_descents._penalised, level=0.7, threat="penalty", width=0.0),
        partial(search_descents._penalised, level=0.7, threat="squared-penalty", width=0.0),
        partial(search_descents._penalised, level=0.7, threat="linf", width=0.0),
        partial(search_descents._scaled, level=0.7),
        partial(search_descents._augmented, level=0.7, multiplier=0.3, weight=2.0),
    ],
)
def test_gradients_of_constraints(objective: Any) -> None:
    def loss(vector: Any) -> tuple[float, Any]:
        return float((vector[:-1] ** 3).sum()), 3 * vector[:-1] ** 2

    d = np.random.default_rng(0).normal(size=5)
    numerical = approx_fprime(d, lambda d: objective(loss, d)[0], 1e-7)
    np.testing.assert_allclose(objective(loss, d)[1], numerical, rtol=1e-4)


def test_shards_are_disjoint_and_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part is computed by one shard, and a part in the rows by none."""

    def compare(subject: Any, config: AttackConfig, pair: int, *_: object) -> list[dict[str, Any]]:
        part = (subject.name, config.loss, config.threat, config.layers, pair)
        computed.append(part)
        return [dict(zip(benchmark._PART, part, strict=True))]

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        @classmethod
        def of(cls, name: str, *_: object) -> "Named":
            return cls(name)

    computed: list[tuple[Any, ...]] = []
    monkeypatch.setattr(benchmark, "Subject", Named)
    monkeypatch.setattr(benchmark, "compare", compare)
    given = ["search", "--models", "mlp", "four-layers", "--losses", "latent-kl", "output"]
    monkeypatch.setattr("sys.argv", given)
    everything = list(benchmark._parts(benchmark._arguments()))
    assert len(everything) == len(set(everything)) == 2 * 4 * (2 + 1 + 2)
    rows: list[dict[str, Any]] = []
    for shard in ("1/3", "2/3", "3/3", "1/1"):
        monkeypatch.setattr("sys.argv", [*given, "--shard", shard])
        rows = list(benchmark.measure(benchmark._arguments(), rows))
    assert sorted(computed) == sorted(everything)
    assert len(rows) == len(everything)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_a_shard_that_does_not_exist(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected k/n"):
        benchmark._shard(text)
