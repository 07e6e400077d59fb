"""Clean and attacked accuracy of models with attacks in closed form.

For q(z|x) = N(x, s²I) the attack minimises ‖x* − x_t‖²/2s² + ‖x* − x‖. With D = ‖x_t − x‖ its
minimum lies on the segment, at ‖x* − x‖ = D − s² where s² < D, and at x itself otherwise.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from tests.evaluation.downstream.quadrants import IMAGE, constant, identity, linear, quadrants
from tests.evaluation.stand_ins import LinearAutoencoder
from torch import Tensor

from seatbelt_vae.config import EvaluationConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.defences import Wrapper
from seatbelt_vae.evaluation.bootstrap import estimate
from seatbelt_vae.evaluation.downstream import PROBES, Probes, measure_downstream
from seatbelt_vae.protocol import Noise, Posterior

DATA = quadrants()
HELD_OUT = np.arange(25)
FEW = EvaluationConfig(downstream_images=12, downstream_strengths=("strong",))
BOTH = EvaluationConfig(downstream_images=6)
Row = dict[str, Any]


def measure(
    model: LinearAutoencoder, settings: EvaluationConfig = FEW, data: ImageData = DATA
) -> tuple[list[Row], Row]:
    return measure_downstream(model, data, HELD_OUT, settings)


def image_distance(row: Row) -> float:
    x, target = DATA.test.batch(np.array([row["image"], row["target_image"]]))
    return (target - x).norm().item()


@pytest.mark.parametrize("strength", ["strong", "paper"])
def test_an_attack_on_a_precise_posterior_succeeds(strength: str) -> None:
    settings = EvaluationConfig(downstream_images=6, downstream_strengths=(strength,))
    rows, summary = measure(identity(std=0.3), settings)
    attacked = [row for row in rows if row["strength"] == strength]
    assert len(attacked) == 6 * 3
    for row in attacked:
        distance = image_distance(row)
        assert row["distance_relative"] == pytest.approx(1 - 0.09 / distance, abs=1e-3)
        # r falls from D²/2s² to s⁴/2s²
        assert row["divergence_ratio"] == pytest.approx((0.09 / distance) ** 2, rel=0.05)
        assert row["clean_prediction"] == row["label"] != row["target_label"]
        assert row["attacked_prediction"] == row["target_label"]
        assert not row["exceeds_bound"]
    for name in PROBES:
        assert summary[strength][name]["clean"] == summary["clean"][name] == 1
        assert summary[strength][name]["attacked"] == 0
        assert summary[strength][name]["drop"] == summary[strength][name]["taken_for_target"] == 1


@dataclass(frozen=True, eq=False)
class Steps(Wrapper):
    """Inputs on a fine grid: nothing changes but the gradient, which is 0."""

    def encode(self, x: Tensor, noise: Noise | None = None) -> Posterior:
        """The codes of the input on the grid."""
        return self.inner.encode((500 * x).round() / 500, noise)


def test_a_masked_gradient_does_not_protect_a_classifier() -> None:
    _, plain = measure(identity(std=0.3))
    _, hidden = measure(Steps(identity(std=0.3)))
    for name in PROBES:
        assert hidden["strong"][name]["attacked"] == plain["strong"][name]["attacked"] == 0
    assert hidden["strong"]["by_transfer"] == hidden["strong"]["images"]
    assert "by_transfer" not in plain["strong"]


def test_no_attack_pays_on_a_wide_posterior() -> None:
    """With s² > ‖x_t − x‖ any distortion costs more than the divergence falls."""
    rows, summary = measure(identity(std=3.0))
    for row in rows:
        if row["strength"] == "strong":
            assert image_distance(row) < 9
            assert row["distance_relative"] == pytest.approx(0, abs=1e-6)
            assert row["divergence_ratio"] == pytest.approx(1, abs=1e-5)
            assert row["attacked_prediction"] == row["clean_prediction"] == row["label"]
    for name in PROBES:
        found = summary["strong"][name]
        assert (found["clean"], found["attacked"], found["drop"]) == (1, 1, 0)
        assert (found["drop_low"], found["drop_high"], found["taken_for_target"]) == (0, 0, 0)


def test_classifiers_of_a_constant_reconstruction_predict_one_class() -> None:
    rows, summary = measure(constant())
    for name in PROBES:
        selected = [row for row in rows if row["classifier"] == name]
        (guess,) = {row["clean_prediction"] for row in selected}
        labels = DATA.test.factors(HELD_OUT)[:, 0]
        assert summary["clean"][name] == (labels == guess).mean()
        attacked = [row for row in selected if row["strength"] == "strong"]
        assert all(row["attacked_prediction"] == guess for row in attacked)
        assert all(row["divergence_ratio"] is None for row in attacked)  # 0 of 0
        assert summary["strong"][name]["drop"] == 0
    assert summary["strong"]["divergence_ratio"] is None


def test_each_classifier_has_the_input_of_its_name() -> None:
    """The latents contain the image, the reconstruction is constant."""
    eye = torch.eye(IMAGE[1] * IMAGE[2])
    model = LinearAutoencoder(eye, torch.zeros_like(eye), 0.3, IMAGE)
    _, summary = measure(model)
    assert summary["clean"]["mlp-latents"] == summary["strong"]["mlp-latents"]["drop"] == 1
    for name in ("mlp-reconstruction", "conv-reconstruction"):
        assert summary["clean"][name] < 0.5
        assert summary["strong"][name]["drop"] == 0


def test_classifiers_of_latents_read_all_layers() -> None:
    class Halves(LinearAutoencoder):
        """z¹ is the upper half of the image, z² the lower half; all classes need both."""

        latent_sizes = (18, 18)

        def encode(self, x: torch.Tensor, noise: object = None) -> Any:
            assert noise is None
            whole = super().encode(x)
            layers = [
                type(whole.layers[0])(whole.layers[0].mean[:, part], torch.zeros(len(x), 18))
                for part in (slice(18), slice(18, 36))
            ]
            return type(whole)(tuple(layers), tuple(q.mean for q in layers))

        def decode(self, z: tuple[torch.Tensor, ...]) -> Any:
            return super().decode((torch.cat(z, dim=1),))

    eye = torch.eye(36)
    every = np.arange(len(DATA.train))
    labels = torch.from_numpy(DATA.train.factors(every)[:, 0])
    probes = Probes.train(Halves(eye, eye, 1.0, IMAGE), [DATA.train.batch(every)], labels, 4)
    x = DATA.test.batch(HELD_OUT)
    truth = DATA.test.factors(HELD_OUT)[:, 0].tolist()
    assert probes.predict(x) == dict.fromkeys(PROBES, truth)


def test_the_summary_agrees_with_the_rows() -> None:
    random = torch.randn(3, 36, generator=torch.Generator().manual_seed(0))
    rows, summary = measure(linear(random, std=0.5), BOTH)
    assert summary["factor"] == "class"
    assert (summary["classes"], summary["training_images"]) == (4, 240)
    assert len(rows) == 3 * (25 + 6 + 6)
    clean = [row for row in rows if row["strength"] == "clean"]
    assert [row["image"] for row in clean] == HELD_OUT.tolist() * 3
    for name in PROBES:
        selected = [row for row in clean if row["classifier"] == name]
        right = [row["clean_prediction"] == row["label"] for row in selected]
        assert summary["clean"][name] == np.mean(right)
        for strength in ("strong", "paper"):
            selected = [r for r in rows if (r["strength"], r["classifier"]) == (strength, name)]
            before, after = (
                [row[f"{when}_prediction"] == row["label"] for row in selected]
                for when in ("clean", "attacked")
            )
            found = summary[strength][name]
            assert (found["clean"], found["attacked"]) == (np.mean(before), np.mean(after))
            assert found["drop"] == pytest.approx(np.mean(before) - np.mean(after))
            taken = [row["attacked_prediction"] == row["target_label"] for row in selected]
            assert found["taken_for_target"] == np.mean(taken)
    for row in rows:
        assert row["label"] == DATA.test.factors(np.array([row["image"]]))[0, 0]
        if row["strength"] != "clean":
            target = DATA.test.factors(np.array([row["target_image"]]))[0, 0]
            assert row["target_label"] == target
    assert summary["paper"]["images"] == 6
    once = [r for r in rows if (r["strength"], r["classifier"]) == ("paper", "mlp-latents")]
    assert summary["paper"]["distance_relative"] == pytest.approx(
        np.mean([row["distance_relative"] for row in once])
    )


def test_intervals_are_over_images() -> None:
    random = torch.randn(2, 36, generator=torch.Generator().manual_seed(1))
    rows, summary = measure(linear(random, std=0.5))
    selected = [r for r in rows if (r["strength"], r["classifier"]) == ("strong", "mlp-latents")]
    lost = [
        float(r["clean_prediction"] == r["label"]) - float(r["attacked_prediction"] == r["label"])
        for r in selected
    ]
    expected, found = estimate(lost), summary["strong"]["mlp-latents"]
    assert (found["drop_low"], found["drop_high"]) == (expected.low, expected.high)
    assert expected.low < expected.value < expected.high


def test_another_factor_can_be_classified() -> None:
    settings = EvaluationConfig(
        downstream_factor="coin", downstream_strengths=(), downstream_training=100
    )
    rows, summary = measure(identity(0.1), settings)
    assert (summary["factor"], summary["classes"], summary["training_images"]) == ("coin", 2, 100)
    assert set(summary) == {"factor", "classes", "training_images", "clean"}
    assert all(0.2 < summary["clean"][name] < 0.8 for name in PROBES)
    assert {row["clean_prediction"] for row in rows} == {0, 1}


def test_results_depend_on_the_seed_only() -> None:
    random = torch.randn(3, 36, generator=torch.Generator().manual_seed(0))
    model = linear(random, std=0.5)
    first = measure(model)
    torch.manual_seed(9)
    assert measure(model) == first
    other, _ = measure(
        model, EvaluationConfig(downstream_images=12, downstream_strengths=("strong",), seed=1)
    )
    assert [row["image"] for row in other] != [row["image"] for row in first[0]]


def test_progress_is_reported() -> None:
    told: list[tuple[str, int, int]] = []
    settings = EvaluationConfig(
        downstream_images=25, downstream_strengths=("single",), batch_size=100
    )
    data = quadrants(test=80)
    measure_downstream(identity(3.0), data, HELD_OUT, settings, lambda *now: told.append(now))
    assert told == [
        ("downstream classifiers", 100, 240),
        ("downstream classifiers", 200, 240),
        ("downstream classifiers", 240, 240),
        ("downstream, single attack", 20, 25),
        ("downstream, single attack", 25, 25),
    ]
