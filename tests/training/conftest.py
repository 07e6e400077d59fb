"""A narrow discriminator of FactorVAE: that of the paper has 60 MB per checkpoint."""

import pytest

from seatbelt_vae.objectives import density_ratio


@pytest.fixture(autouse=True)
def _narrow_discriminator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(density_ratio, "_WIDTH", 16)
