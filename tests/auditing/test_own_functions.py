"""Classifiers and scores attacked through a map that keeps every distance: closed forms."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from seatbelt_vae.auditing.audited_images import AuditedImages, audited_images
from seatbelt_vae.auditing.own_functions import attack_classifier, attack_score
from seatbelt_vae.config import AuditConfig
from seatbelt_vae.errors import ConfigError
from tests.auditing.small_models import QUICK, SHAPE, Linear, images, subject

_WEIGHTS = torch.randn(64, generator=torch.Generator().manual_seed(3))
_HERE = __name__


def margin(x: Tensor) -> Tensor:
    """Two logits whose difference is linear in the image."""
    value = (x.flatten(1) - 0.5) @ _WEIGHTS
    return torch.stack([value, torch.zeros_like(value)], dim=1)


def codes_margin(z: Tensor) -> Tensor:
    """The same logits from the reversed image."""
    return margin(z.flip(1).view(-1, *SHAPE))


def score(x: Tensor) -> Tensor:
    """A linear score."""
    return x.flatten(1) @ _WEIGHTS


@pytest.fixture
def audited(tmp_path: Path) -> tuple[AuditedImages, AuditConfig, Linear]:
    """Six pairs of images."""
    config = replace(QUICK, pairs=6, budgets=(0.02, 0.1, 0.5), linf_budgets=(4, 32))
    judged = subject(Linear(), tmp_path)
    return audited_images(judged, images(), config), config, judged.model  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("function", "reads"), [("margin", "reconstruction"), ("codes_margin", "codes")]
)
def test_a_linear_classifier_changes_where_the_plane_is_reached(
    audited: tuple[AuditedImages, AuditConfig, Linear], function: str, reads: str
) -> None:
    chosen, config, model = audited
    config = replace(config, classifier=f"{_HERE}:{function}", classifier_reads=reads)
    described, results = attack_classifier(model, chosen, config)  # type: ignore[arg-type]
    x, target = chosen.sides(range(6))
    value = ((x.flatten(1) - 0.5) @ _WEIGHTS).abs().double()
    unit = (target - x).flatten(1).norm(dim=1).double()
    reach = {"l2": unit * _WEIGHTS.norm().double(), "linf": _WEIGHTS.abs().sum().double()}
    for result in results:
        assert result.threat is not None
        kept = value > result.epsilon * reach[result.threat]
        assert result.value == pytest.approx(kept.double().mean().item())
    assert 0 < sum(result.value for result in results) < len(results)  # type: ignore[misc]
    assert described.clean_accuracy is None
    assert described.metrics[0] == "accuracy@0.02"


def test_a_linear_score_is_crossed_at_the_distance_of_its_plane(
    audited: tuple[AuditedImages, AuditConfig, Linear],
) -> None:
    chosen, config, model = audited
    x, target = chosen.sides(range(6))
    threshold = score(x).median().item() + 0.01
    config = replace(config, score=f"{_HERE}:score", threshold=threshold)
    described, (result,) = attack_score(model, chosen, config)  # type: ignore[arg-type]
    unit = (target - x).flatten(1).norm(dim=1).double()
    exact = (score(x).double() - threshold).abs() / _WEIGHTS.norm().double() / unit
    assert described.crossed == result.pairs == 6
    assert result.value is not None
    assert exact.mean().item() <= result.value <= 1.05 * exact.mean().item()


def test_a_name_of_no_function_is_refused(
    audited: tuple[AuditedImages, AuditConfig, Linear],
) -> None:
    chosen, config, model = audited
    config = replace(config, classifier=f"{_HERE}:_HERE")
    with pytest.raises(ConfigError, match="is a str, expected a function"):
        attack_classifier(model, chosen, config)  # type: ignore[arg-type]
