"""A foreign model on the command line."""

import json

import pytest

from seatbelt_vae import open_subject
from seatbelt_vae.cli import main
from seatbelt_vae.errors import ForeignStateError
from seatbelt_vae.runs import read_json, read_rows

TARGET = "tests.extending.foreign:load"
DATA = ("--data", "dsprites", "--image-size", "16")
QUICK = ("--pairs", "2", "--weight-count", "3", "--restarts", "0", "--processes", "1", "--quiet")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder of results of an attack on the foreign model."""
    out = tmp_path_factory.mktemp("results") / "foreign"
    assert main(["attack", TARGET, *DATA, "--out", str(out), *QUICK]) == 0
    return out


def test_its_rows_are_those_of_any_suite(results):
    about = read_json(results / "subject.json")
    assert about["kind"] == "reference"
    assert about["source"] == TARGET
    assert about["bounds"] == [0.0, 1.0]
    assert about["event_shape"] == [1, 16, 16]
    assert about["capabilities"]["likelihood"] is False
    rows = read_rows(results / "attacks" / "latent-kl-strong", "pair-*.parquet")
    assert len(rows) == 6
    assert all(row["delta"] <= row["bound"] * 1.001 + 1e-6 for row in rows)
    assert all("nll_target" not in row for row in measured(results))


def measured(folder):
    return read_rows(folder / "attacks" / "latent-kl-strong" / "measures")


def test_the_folder_of_results_is_a_target_itself(results, capsys):
    assert main(["attack", str(results), "--json", *QUICK]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert 0 < summary["measures"]["gap@0.5"]["value"] < 1


def test_it_is_evaluated_where_it_can_be(results, capsys):
    assert main(["evaluate", str(results), "--images", "50", "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["unexplained_variance"] < 1
    assert "elbo" not in found
    assert found["left_out"]["elbo"] == ["likelihood"]


def test_report_comparison_and_results_show_it(results, tmp_path, capsys):
    page, comparison = tmp_path / "report.html", tmp_path / "compare.html"
    assert main(["report", str(results), "--out", str(page)]) == 0
    assert f"seatbelt-vae attack {TARGET} --data dsprites" in page.read_text()
    assert main(["compare", str(results), "--out", str(comparison)]) == 0
    assert results.name in comparison.read_text()
    capsys.readouterr()
    asked = "SELECT preset, data, latent_sizes, finished FROM runs"
    assert main(["results", asked, "--runs", str(results), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [
        {"preset": "foreign", "data": "dsprites", "latent_sizes": [4], "finished": True}
    ]


def test_the_folder_opens_as_the_same_subject(results):
    assert (
        open_subject(results, None if results is None else _data()).digest
        == (read_json(results / "subject.json")["digest"])
    )


def _data():
    from seatbelt_vae import load_data

    return load_data("dsprites", image_size=16)


def test_results_of_other_weights_are_refused(results, monkeypatch):
    from tests.extending import foreign

    monkeypatch.setattr(foreign, "load", lambda: foreign.PlainVAE(256, units=3))
    with pytest.raises(ForeignStateError, match="other digest"):
        open_subject(results, _data())
