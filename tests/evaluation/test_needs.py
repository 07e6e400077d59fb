"""A measure whose needs a model does not meet is left out, and the results state it."""

from pathlib import Path

import pytest
from tests.evaluation.stand_ins import LinearAutoencoder, identity_autoencoder
from tests.evaluation.test_evaluation_folder import SETTINGS, binary_data, run_of
from tests.evaluation.test_suite import make_suite

from seatbelt_vae.evaluation import evaluate, measure_suite
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.protocol import Capabilities
from seatbelt_vae.runs import read_json, read_rows, read_tensors


def test_a_suite_without_a_likelihood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measure_suite(make_suite(tmp_path / "whole", 2), identity_autoencoder())
    monkeypatch.setattr(
        LinearAutoencoder, "capabilities", Capabilities(likelihood=False), raising=False
    )
    summary = measure_suite(make_suite(tmp_path / "part", 2), identity_autoencoder())
    of_the_likelihood = ("nll_target", "nll_excess")
    assert summary["left_out"] == {name: ["likelihood"] for name in of_the_likelihood}
    for name in of_the_likelihood:
        left_out = summary["measures"].pop(name)
        assert (left_out["n"], left_out["value"]) == (0, None)
        del whole["measures"][name]
    assert summary["measures"] == whole["measures"]
    assert "left_out" not in whole


def test_an_evaluation_without_a_posterior(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate(run_of(tmp_path / "whole", (3,)), binary_data(), SETTINGS)
    folder = run_of(tmp_path / "part", (3,))
    none = Capabilities(posterior=False, prior=False, likelihood=False)
    monkeypatch.setattr(HierarchicalVAE, "capabilities", none, raising=False)
    measures = evaluate(folder, binary_data(), SETTINGS)
    assert measures == read_json(folder.path / "evaluation" / "measures.json")
    assert measures.keys() == {"images", "iou", "unexplained_variance", "left_out"}
    assert measures["unexplained_variance"] == pytest.approx(whole["unexplained_variance"])
    assert measures["iou"] == pytest.approx(whole["iou"])
    assert measures["left_out"]["elbo"] == ["likelihood", "posterior", "prior"]
    assert measures["left_out"]["total_correlation"] == ["posterior"]
    assert read_tensors(folder.path / "evaluation" / "pictures.safetensors").keys() == {
        *("x", "reconstruction")
    }


def test_an_evaluation_without_a_likelihood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluate(run_of(tmp_path / "whole", (3,)), binary_data(), SETTINGS)
    folder = run_of(tmp_path / "part", (3,))
    monkeypatch.setattr(
        HierarchicalVAE, "capabilities", Capabilities(likelihood=False), raising=False
    )
    measures = evaluate(folder, binary_data(), SETTINGS)
    bounds = {"elbo", "iwae", "log_likelihood"}
    assert measures.pop("left_out") == {name: ["likelihood"] for name in bounds}
    assert measures == {k: v for k, v in whole.items() if k not in {*bounds, "iwae_draws"}}
    rows = read_rows(folder.path / "evaluation" / "sigma.parquet")
    assert all(row["elbo"] is None for row in rows)
