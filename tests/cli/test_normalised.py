"""Audits of a model whose inputs are normalised per channel."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from seatbelt_vae import audit, wrap
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.runs import read_tensors
from seatbelt_vae.runs.audit_document import Audit, audit_schema, read_audit
from seatbelt_vae.subjects.adapters.foreign import ForeignAutoencoder
from tests.auditing.small_models import QUICK
from tests.cli.conftest import Run

SHAPE = (3, 8, 8)
MEAN, STD = (torch.tensor(v).view(3, 1, 1) for v in ([0.5, 0.4, 0.3], [0.2, 0.3, 0.1]))
LOW, HIGH = -MEAN / STD, (1 - MEAN) / STD
OWN_CODE = """
import torch
from seatbelt_vae import wrap
from tests.cli.test_normalised import Normalised

def load():
    return wrap(Normalised(), (3, 8, 8), ([-2.5, -4 / 3, -3.0], [2.5, 2.0, 7.0]))
"""


class Normalised(nn.Module):
    """Keeps every distance of normalised images."""

    def encode(self, x: Tensor) -> Tensor:
        """The flattened input, reversed."""
        return x.flatten(1).flip(1)

    def decode(self, z: Tensor) -> Tensor:
        """The input of a code."""
        return z.flip(1).view(-1, *SHAPE)


def unit_images(count: int = 24) -> Tensor:
    """Random smooth colour images in [0.2, 0.8]."""
    coarse = torch.rand(count, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    return 0.2 + 0.6 * nn.functional.interpolate(coarse, size=SHAPE[1:], mode="bilinear")


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Audit, Path]:
    """The audit of normalised images in memory."""
    folder = tmp_path_factory.mktemp("normalised") / "model"
    model = wrap(Normalised(), SHAPE, (LOW, HIGH))
    found = audit(model, (unit_images() - MEAN) / STD, replace(QUICK, pairs=3), out=folder)
    return found, folder / "audit"


def test_bounds_per_channel_are_stored_in_full(audited: tuple[Audit, Path]) -> None:
    found, folder = audited
    content = json.loads((folder / "audit.json").read_text())
    jsonschema.validate(content, audit_schema())
    low, high = map(torch.tensor, content["target"]["bounds"])
    torch.testing.assert_close(low.float(), LOW)
    torch.testing.assert_close(high.float(), HIGH)
    assert read_audit(folder / "audit.json").target == found.target
    shown = "<dt>bounds</dt><dd>[-2.5, 2.5] [-1.333, 2] [-3, 7]</dd>"
    assert shown in (folder / "report.html").read_text()
    for wrong in ([0], [0, 1, 2], [0, []], [0, "1"], 0):
        content["target"]["bounds"] = wrong
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(content, audit_schema())


def test_images_in_memory_are_taken_as_they_are(audited: tuple[Audit, Path]) -> None:
    found, folder = audited
    normalised = (unit_images() - MEAN) / STD
    for place in (folder / "worst").glob("*.safetensors"):
        x = read_tensors(place)["x"]
        assert (normalised - x).flatten(1).abs().amax(1).min() < 1e-5
    gap = found.result("gap@0.2")
    assert gap is not None
    assert gap.value == pytest.approx(0.8, abs=1e-4)


def test_budgets_are_shares_of_the_range_of_each_channel(audited: tuple[Audit, Path]) -> None:
    _, folder = audited
    for place in (folder / "worst").glob("*.safetensors"):
        stored = read_tensors(place)
        shares = (stored["linf_adversarial"][0] - stored["x"]).abs() / (HIGH - LOW)
        assert shares.amax((1, 2)).max() <= 8 / 255 * (1 + 1e-5)
        assert shares.amax((1, 2)).min() > 0.9 * 8 / 255  # every channel uses its budget


def test_bounds_that_do_not_fit_are_one_line(audited: tuple[Audit, Path], run: Run) -> None:
    _, folder = audited
    content = json.loads((folder / "audit.json").read_text())
    content["target"]["bounds"] = [[0.0, 0.0], 1.0]
    copy = Path("copy")
    copy.mkdir()
    (copy / "audit.json").write_text(json.dumps(content))
    done = run("report copy")
    assert done.code == 2
    assert "bounds ((0.0, 0.0), 1.0), which do not fit inputs (3, 8, 8)" in done.err


def test_from_a_folder_of_photographs_to_a_comparison(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for i, image in enumerate((255 * unit_images()).byte().movedim(1, -1).numpy()):
        Image.fromarray(image).save(tmp_path / "photos" / f"{i:02d}.png")
    (tmp_path / "own.py").write_text(OWN_CODE)
    given = "own.py:load --data folder:photos --image-size 8 --out out --processes 1"
    quick = "--pairs 2 --budgets 0.2 --linf-budgets 8 --effort 0.1 --fail-if gap@0.2<0.5"
    assert run(f"audit {given} {quick}").code == 0
    content = json.loads((tmp_path / "out" / "audit" / "audit.json").read_text())
    assert np.ravel(content["target"]["bounds"][1]).tolist() == [2.5, 2.0, 7.0]
    assumed = content["target"]["assumptions"]["input"]
    assert assumed == "in [-2.5, 2.5] [-1.333, 2] [-3, 7]"
    assert run("report out/audit").code == 0
    attacked = f"attack {given.replace('--processes 1', '')} --pairs 1 --loss output-l2 --quiet"
    assert run(attacked).code == 0
    assert run("report out").code == 0
    assert run("compare out --out all.html").code == 0


@pytest.mark.parametrize("output", ["image", "logits", "probability"])
@pytest.mark.parametrize("likelihood", [None, "bernoulli"])
def test_outputs_are_mapped_to_the_bounds_of_each_channel(output: str, likelihood: str) -> None:
    model = wrap(Normalised(), SHAPE, (LOW, HIGH), output=output, likelihood=likelihood)  # type: ignore[arg-type]
    assert isinstance(model, ForeignAutoencoder)
    unit = unit_images(2)
    result = {"image": (unit - MEAN) / STD, "logits": unit.logit(), "probability": unit}[output]
    found = model.decode((model.module.encode(result),)).mean  # type: ignore[operator]
    torch.testing.assert_close(found, (unit - MEAN) / STD, rtol=1e-4, atol=1e-4)


def test_tensors_without_a_channel_axis_are_per_channel() -> None:
    model = wrap(Normalised(), SHAPE, (LOW.flatten(), HIGH.flatten()))
    assert torch.equal(torch.as_tensor(model.bounds[0]), LOW)


@pytest.mark.parametrize(
    "bounds",
    [(1.0, 0.0), ([0, 0], [1, 1]), ([0, 2, 0], 1), ("0", "1"), (0, 1, 2), 5, (0, torch.nan)],
)
def test_wrong_bounds_are_one_line(bounds: object) -> None:
    with pytest.raises(ConfigError, match=r"^bounds are .*, expected the smallest and the largest"):
        wrap(Normalised(), SHAPE, bounds)  # type: ignore[arg-type]
