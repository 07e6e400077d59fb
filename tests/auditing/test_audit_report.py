"""An audit ends with its report, also if checks stop it before the attack."""

from pathlib import Path

import numpy as np
import pytest
import torch

from seatbelt_vae.auditing import audit
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.data import ImageData, Split
from seatbelt_vae.subjects import subject_of_model, wrap
from tests.report.page import Page


@pytest.mark.parametrize(("gain", "attacked"), [(1.0, True), (-1.0, False)])
def test_an_audit_ends_with_its_report(tmp_path: Path, gain: float, attacked: bool) -> None:
    def reconstruct(x: torch.Tensor) -> torch.Tensor:
        return gain * x

    values = np.random.default_rng(0).uniform(-1, 1, (40, 3)).astype(np.float32)
    split = Split(np.arange(40), values.__getitem__)
    data = ImageData("table", (-1.0, 1.0), (3,), split, split)  # type: ignore[arg-type]
    subject = subject_of_model(wrap(reconstruct, (3,), (-1.0, 1.0)), "copy")
    config = AuditConfig(pairs=2, budgets=(0.2,), linf_budgets=(), gradient_free=0)
    audit(subject.stored_in(tmp_path), data, config)
    page = Page.of(tmp_path / "audit" / "report.html")
    assert bool(list(page.root.find("section", id="curves"))) == attacked
    assert "started from Python" in page.root.one("section", id="reproduce").text
    assert ("unexplained" in page.root.one("section", id="verdict").text.lower()) != attacked
