"""Certificates in audits: the document, the screen, the report, and the page of comparison."""

import json
from dataclasses import replace

import jsonschema
import pytest
import torch

from seatbelt_vae.auditing import audit
from seatbelt_vae.auditing.screen import screen_text
from seatbelt_vae.cli import main
from seatbelt_vae.config import ModelConfig, resolve
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.runs import read_json, read_rows, read_tensors
from seatbelt_vae.runs.audit_document import audit_schema
from seatbelt_vae.subjects.defended_subject import behind
from tests.auditing.small_models import QUICK, images, subject, vae
from tests.certificates import assert_certified

LARGE = (1, 16, 16)
SHORT = replace(QUICK, losses=("latent-l2",), gradient_free=0)


def lipschitz():
    """A VAE whose reconstruction has the Lipschitz constant 6."""
    settings = ModelConfig(
        "vae", network="lipschitz", filters=(4, 6), features=8, latent_sizes=(4,),
        lipschitz_constants=(2.0, 3.0),
    )  # fmt: skip
    torch.manual_seed(0)
    return HierarchicalVAE(resolve(settings, "toy", LARGE, (0.0, 1.0))).eval()


def test_an_audit_states_the_certificate_of_a_lipschitz_network(tmp_path, capsys):
    model = lipschitz()
    coarse = images().train.batch(range(22))
    large = torch.nn.functional.interpolate(coarse, size=LARGE[1:], mode="bilinear")
    found = audit(model, large, SHORT, out=tmp_path / "a", despite_checks=True)
    folder = tmp_path / "a/audit"
    worst = read_rows(folder / "worst")
    assert_certified(worst)
    clean = {
        int(path.stem[-5:]): read_tensors(path) for path in (folder / "worst").glob("*.safetensors")
    }
    for row in worst:
        if row["goal"] != "gap":
            assert row["certified"] is None
            continue
        x, target, near, far = (
            clean[row["pair"]][name].double()
            for name in ("x", "target", "reconstruction_x", "reconstruction_target")
        )
        unit = (target - x).norm().item() if row["threat"] == "l2" else x.numel() ** 0.5
        expected = 1 - 6 * row["epsilon"] * unit / (far - near).norm().item()
        assert row["certified"] == pytest.approx(max(0.0, expected), abs=1e-6)
    jsonschema.validate(read_json(folder / "audit.json"), audit_schema())
    result = found.result("gap@0.1")
    rows = [r for r in worst if r["goal"] == "gap" and (r["threat"], r["epsilon"]) == ("l2", 0.1)]
    told = [row["certified"] for row in rows if row["told_apart"]]
    assert result.lines.certified == pytest.approx(sum(told) / len(told))
    assert "certified gap" in screen_text(found)
    assert "certificate: no attack gets below" in (folder / "report.html").read_text()
    main(["compare", str(tmp_path / "a"), "--out", str(tmp_path / "page.html"), "--json"])
    assert json.loads(capsys.readouterr().out)["comparison"]
    assert "certified 0." in (tmp_path / "page.html").read_text()


def test_an_audit_states_the_certificate_of_center_smoothing(tmp_path):
    defended = behind(subject(vae(), tmp_path / "plain"), "center-smoothing:0.2")
    (tmp_path / "defended").mkdir()
    settings = replace(SHORT, budgets=(0.01, 0.2), linf_budgets=())
    found = audit(
        defended.stored_in(tmp_path / "defended"), images(), settings, despite_checks=True
    )
    rows = [row for row in read_rows(tmp_path / "defended/audit/worst") if row["goal"] == "gap"]
    assert_certified(rows)
    assert found.defence is not None


def test_other_models_have_none(tmp_path):
    found = audit(subject(vae(), tmp_path / "a"), images(), SHORT, despite_checks=True)
    assert {row["certified"] for row in read_rows(tmp_path / "a/audit/worst")} == {None}
    assert "certified" not in screen_text(found)
    assert "certificate" not in (tmp_path / "a/audit/report.html").read_text().lower()
