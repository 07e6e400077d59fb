"""Audits of small models with known answers."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from seatbelt_vae import audit, load_data
from seatbelt_vae.auditing.screen import screen_text
from seatbelt_vae.config import AuditConfig
from seatbelt_vae.data.dataset import joined
from seatbelt_vae.errors import ArtifactError, ConfigError, DataError, ForeignStateError
from seatbelt_vae.runs import read_rows, read_tensors
from seatbelt_vae.runs.audit_document import Audit, audit_schema, read_audit
from tests.auditing import small_models
from tests.auditing.small_models import QUICK, Linear, Noisy, Rounding, images, subject


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Audit, Path]:
    """The audit of a map that keeps every distance."""
    folder = tmp_path_factory.mktemp("linear")
    return audit(subject(Linear(), folder), images(), QUICK), folder / "audit"


def value(found: Audit, metric: str) -> float:
    """The value of a metric."""
    result = found.result(metric)
    assert result is not None
    assert result.value is not None
    return result.value


def raised(found: Audit) -> set[str]:
    """The names of the raised flags."""
    return {flag.id for flag in found.flags if flag.raised}


@pytest.mark.parametrize("epsilon", [0.1, 0.2])
def test_a_map_that_keeps_distances_is_as_robust_as_the_identity(
    kept: tuple[Audit, Path], epsilon: float
) -> None:
    found, _ = kept
    for goal in ("gap", "code_gap"):
        assert value(found, f"{goal}@{epsilon:g}") == pytest.approx(1 - epsilon, abs=1e-4)
    assert value(found, f"damage@{epsilon:g}") == pytest.approx(1, abs=1e-4)


def test_lines_of_the_identity_are_exact(kept: tuple[Audit, Path]) -> None:
    found, folder = kept
    for metric in ("gap@0.1", "gap@0.2", "gap@8/255"):
        result = found.result(metric)
        assert result is not None
        # the reconstruction is the input, so the attack, the blend and the line agree
        assert result.value == pytest.approx(result.lines.identity, abs=1e-4)
        assert result.lines.blend == pytest.approx(result.lines.identity, abs=1e-4)
    rows = [row for row in read_rows(folder / "worst") if row["threat"] == "linf"]
    budget = 8 / 255
    for row in rows:
        assert row["distance_linf"] <= budget * (1 + 1e-6)


def test_the_document_is_valid_and_read_back(kept: tuple[Audit, Path]) -> None:
    found, folder = kept
    content = json.loads((folder / "audit.json").read_text())
    jsonschema.validate(content, audit_schema())
    assert read_audit(folder / "audit.json") == replace(found, settings=content["settings"])


def test_distances_of_every_worst_case_keep_to_the_budget(kept: tuple[Audit, Path]) -> None:
    rows = [row for row in read_rows(kept[1] / "worst") if row["threat"] == "l2"]
    assert rows
    assert all(row["distance_relative"] <= row["epsilon"] * (1 + 1e-5) for row in rows)


def test_worst_cases_are_the_extremes_of_the_rows(kept: tuple[Audit, Path]) -> None:
    rows, worst = (read_rows(kept[1] / name) for name in ("rows", "worst"))
    for case in worst:
        if case["goal"] == "damage":
            continue
        alike = [
            row[case["goal"]]
            for row in rows
            if (row["pair"], row["threat"]) == (case["pair"], case["threat"])
            and row["epsilon"] <= case["epsilon"]
        ]
        assert case["value"] == pytest.approx(min(alike))


def test_an_interrupted_audit_ends_in_the_same_bytes(tmp_path: Path) -> None:
    settings = replace(QUICK, pairs=6, gradient_free=0, losses=(), budgets=(0.2,))
    whole = subject(small_models.vae(), tmp_path / "whole")
    audit(whole, images(), settings, despite_checks=True)

    def stop(_activity: str, done: int, _total: int) -> None:
        if done:
            raise KeyboardInterrupt

    again = subject(small_models.vae(), tmp_path / "again")
    with pytest.raises(KeyboardInterrupt):
        audit(again, images(), settings, despite_checks=True, on_progress=stop)
    assert not (tmp_path / "again/audit/audit.json").exists()
    audit(again, images(), settings, despite_checks=True)
    for name in ("rows", "worst", "checks"):
        parts = sorted((tmp_path / "whole/audit" / name).iterdir())
        assert len(parts) >= 6
        for part in parts:
            twin = tmp_path / "again/audit" / name / part.name
            assert twin.read_bytes() == part.read_bytes()


@pytest.mark.parametrize(
    ("changed", "name"), [({"seed": 1}, "settings, pairs"), ({"effort": 2}, "settings")]
)
def test_a_folder_of_other_settings_is_refused(
    kept: tuple[Audit, Path], changed: dict[str, int], name: str
) -> None:
    judged = subject(Linear(), kept[1].parent)
    with pytest.raises(ForeignStateError, match=f"other {name}: give another --out"):
        audit(judged, images(), replace(QUICK, **changed))


def test_a_model_that_rounds_is_flagged(tmp_path: Path) -> None:
    found = audit(subject(Rounding(), tmp_path), images(), QUICK)
    assert "gradient not usable" in raised(found)
    assert found.verdict.status == "inconclusive"


def test_an_encoder_with_noise_is_flagged(tmp_path: Path) -> None:
    judged = subject(small_models.wrap(Noisy(), small_models.SHAPE), tmp_path)
    found = audit(judged, images(), QUICK, despite_checks=True)
    assert "encoder not repeatable" in raised(found)
    assert found.verdict.status == "inconclusive"


def test_a_misread_model_is_not_attacked(tmp_path: Path) -> None:
    class Inverted(Linear):
        def decode(self, z: Tensor) -> Tensor:
            return 1 - super().decode(z)

    found = audit(subject(Inverted(), tmp_path), images(), QUICK, rules=["gap@0.2 < 0.5"])
    assert [check.id for check in found.checks if check.raised] == ["unexplained"]
    assert found.results == ()
    assert found.verdict.status == "inconclusive"
    assert found.verdict.rules[0].holds is None
    assert not (tmp_path / "audit/rows").exists()


def test_a_collapsed_model_has_no_gap(tmp_path: Path) -> None:
    class Collapsed(Linear):
        def decode(self, z: Tensor) -> Tensor:
            return torch.full((len(z), *small_models.SHAPE), 0.5) + 1e-3 * super().decode(z)

    found = audit(subject(Collapsed(), tmp_path), images(), QUICK, despite_checks=True)
    assert "pairs not told apart" in raised(found)
    result = found.result("gap@0.2")
    assert result is not None
    assert (result.value, result.pairs) == (None, 0)
    assert found.verdict.status == "inconclusive"


def test_rules_are_checked_before_the_attack(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown metric 'gap@0\.4'"):
        audit(subject(Linear(), tmp_path), images(), QUICK, rules=["gap@0.4 < 1"])
    assert not (tmp_path / "audit").exists()


def test_models_and_images_in_memory(tmp_path: Path) -> None:
    class Own(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    data = torch.rand(20, *small_models.SHAPE, generator=torch.Generator().manual_seed(1))
    found = audit(Own(), data, QUICK, out=str(tmp_path / "own"))
    assert value(found, "gap@0.2") == pytest.approx(0.8, abs=1e-3)
    assert {r.goal for r in found.results}.isdisjoint({"code_gap", "code_shift"})
    with pytest.raises(ConfigError, match="without a folder for its results: give out"):
        audit(Own(), data, QUICK)
    with pytest.raises(DataError, match=r"expected finite ones in \(0\.0, 1\.0\)"):
        audit(Own(), data + 1, QUICK, out=tmp_path / "beyond")


def test_two_images_are_enough(tmp_path: Path) -> None:
    data = torch.rand(2, *small_models.SHAPE, generator=torch.Generator().manual_seed(1))
    found = audit(Linear(), data, replace(QUICK, pairs=None), out=tmp_path / "two")
    assert "few pairs" in raised(found)
    with pytest.raises(DataError, match="at least 2"):
        audit(Linear(), data[:1], QUICK, out=tmp_path / "one")


def test_settings_are_checked() -> None:
    for wrong, text in [
        ({"budgets": (0.2, 0.1)}, "ascending"),
        ({"linf_budgets": (300,)}, "at most 255"),
        ({"budgets": (), "linf_budgets": ()}, "no budgets"),
        ({"effort": 0}, "effort"),
        ({"losses": ("latent-k",)}, "perhaps you meant"),
        ({"score": "a:b"}, "score and threshold belong together"),
    ]:
        with pytest.raises(ConfigError, match=text):
            AuditConfig(**wrong)  # type: ignore[arg-type]
    assert asdict(AuditConfig())["effort"] == 1


@pytest.mark.parametrize("content", ['{"held_out": ["x"], "noise": 1}', '{"noise": 1}', "[]"])
def test_a_damaged_universal_distortion_is_named(content: str, tmp_path: Path) -> None:
    judged = subject(Linear(), tmp_path)
    settings = replace(QUICK, losses=("latent-l2",), gradient_free=0, linf_budgets=(8,))
    audit(judged, images(), settings)
    path = tmp_path / "audit" / "universal" / "l2.json"
    path.write_text(content)
    with pytest.raises(ArtifactError, match=r"universal/l2\.json .*: .*move it away"):
        audit(judged, images(), settings)


class Spread(nn.Module):
    """An orthogonal map to means; draws of the code move the reconstruction by ``spread``."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.log_variance = 2 * math.log(spread)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = x.flatten(1).flip(1)
        return mean, torch.full_like(mean, self.log_variance)

    def decode(self, z: Tensor) -> Tensor:
        return z.flip(1).view(-1, *small_models.SHAPE)


@pytest.mark.parametrize("spread", [1e-3, 0.2])
def test_gaps_of_drawn_codes_are_compared_with_those_of_means(
    spread: float, tmp_path: Path
) -> None:
    found = audit(subject(Spread(spread), tmp_path), images(), QUICK, despite_checks=True)
    (flag,) = (each for each in found.flags if each.id == "paths differ")
    assert (flag.raised, flag.severity) == (spread == 0.2, "warning")
    for row in (row for row in read_rows(tmp_path / "audit/checks") if row["threat"] == "l2"):
        stored = read_tensors(tmp_path / f"audit/worst/pair-{row['pair']:05d}.safetensors")
        whole = (stored["x"] - stored["target"]).norm().item()
        left = (stored["l2_adversarial"][1] - stored["target"]).norm().item()
        # 64 independent units of the same spread add up under the root
        drawn = math.hypot(left, spread * 8) / whole
        assert row["path_difference"] == pytest.approx(drawn - left / whole, rel=0.2, abs=1e-3)


def test_codes_that_cannot_be_drawn_are_not_compared(kept: tuple[Audit, Path]) -> None:
    (flag,) = (each for each in kept[0].flags if each.id == "paths differ")
    assert (flag.raised, flag.detail) == (False, "not checked under these settings")


@pytest.mark.parametrize(("rule", "status"), [("< 0.1", "inconclusive"), ("< 0.9", "fail")])
def test_no_rule_passes_without_the_checks_of_the_reading(
    rule: str, status: str, tmp_path: Path
) -> None:
    few = replace(images(), test=images().train.first(3), train=images().train.first(3))
    config = replace(QUICK, pairs=1)
    found = audit(subject(Linear(), tmp_path), few, config, rules=[f"gap@0.2 {rule}"])
    assert found.checks == ()
    assert "reading not checked" in raised(found)
    assert found.verdict.status == status
    if status == "inconclusive":
        assert "(reading not checked): give at least 8 images" in found.verdict.sentence


def test_the_weakest_inputs_are_named_by_their_files(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = (255 * images().train.batch(np.arange(22))[:, 0]).byte().numpy()
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"IMG_{index}.png")
    data = load_data("folder", folder, image_size=8)
    found = audit(subject(Linear(), tmp_path), data, QUICK)
    weak, both = found.weakest[0], joined(data.train, data.test)
    assert weak.input_name == both.name(weak.input_index)
    assert weak.target_name == both.name(weak.target_index)
    assert f"{weak.input_name} towards {weak.target_name}" in screen_text(found)
    page = (tmp_path / "audit/report.html").read_text()
    assert f"{weak.input_name} → {weak.target_name}" in page
    assert read_audit(tmp_path / "audit/audit.json").weakest == found.weakest
