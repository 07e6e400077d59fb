"""The score page: sentences, plots, links, and inert text."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.report import write_comparison
from seatbelt_vae.report.tables import number
from seatbelt_vae.results import Store
from seatbelt_vae.runs import read_json, write_json
from tests.report.page import Element, Page
from tests.report.placed import PLACE, model
from tests.report.synthetic import KINDS, write_evaluation, write_suite, write_trained


def written(out: Path, *folders: Path) -> Page:
    return Page.of(write_comparison(Store.open(list(folders)), out / "compare.html"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four models on the Gaussian likelihood, one of them flagged, and one on the other."""
    root = tmp_path_factory.mktemp("models")
    spread = np.random.default_rng(0).normal(0, 0.02, 12)
    for name, elbo, gap in (("sharp", -80.0, 0.2), ("hard", -110.0, 0.6), ("poor", -100.0, 0.3)):
        model(root / name, elbo, list(gap + spread))
    model(root / "flagged", -85.0, list(0.5 + spread), ["not converged"])
    other = model(root / "other", -300.0, list(0.4 + spread)) / "config.toml"
    other.write_text(other.read_text().replace('"gaussian"', '"bernoulli"'))
    return root


@pytest.fixture(scope="module")
def page(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Their page."""
    return written(tmp_path_factory.mktemp("page"), models)


def groups(page: Page) -> list[Element]:
    return [s for s in page.root.find("section") if s.attributes["id"].startswith("group-")]


def test_every_link_has_a_target_and_nothing_is_fetched(page: Page) -> None:
    ids = re.findall(r' id="([^"]*)"', page.source)
    assert len(ids) == len(set(ids))
    assert {a.attributes["href"][1:] for a in page.root.find("a")} <= set(ids)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", page.source)
    policy = next(m for m in page.root.find("meta") if "http-equiv" in m.attributes)
    assert policy.attributes["content"].startswith("default-src 'none'; img-src data:;")


def test_each_likelihood_has_its_own_group(page: Page) -> None:
    assert page.root.one("p", class_="apart").text == (
        "The models form 2 groups: ELBOs are comparable only within one data set and likelihood."
    )
    gaussian, bernoulli = groups(page)
    assert "Gaussian" in gaussian.one("h2").text
    assert "other" not in [th.text.split()[0] for th in gaussian.find("th", scope="row")]
    assert bernoulli.one("p", class_="lead").text == "There is only one model to compare."


def test_sentences_name_the_front_and_its_flagged_models(page: Page) -> None:
    first = groups(page)[0]
    assert first.one("p", class_="lead").text == (
        "hard, flagged and sharp are on the Pareto front; one of them dominates the other model in "
        "robustness and ELBO."
    )
    assert first.one("p", class_="aside").text == (
        "Of these, flagged has raised flags (not converged); without flagged models the front is "
        "hard, poor and sharp. By AUDDC, worst, the front is the same."
    )


def test_flagged_models_are_hollow_and_fronts_have_one_corner_per_model(page: Page) -> None:
    for plot in (figure.one("svg") for figure in groups(page)[0].find("figure")):
        hollow = list(plot.find("g", data_part="hollow m0"))
        assert [point.one("title").text.split(":")[0] for point in hollow] == ["flagged"]
        assert "unreliable: 1 flag (not converged)" in hollow[0].one("title").text
        assert len(list(plot.find("g", data_part="ringed m0"))) == 3
        assert len(list(plot.find("g", data_part="whisker m0"))) == 4
        (every,), (sure,) = (plot.find("g", data_part=kind) for kind in ("front flagged", "front"))
        assert every.one("title").text == "Pareto front including flagged models"
        lines = [front.one("path").attributes["d"] for front in (every, sure)]
        assert [line.count("L") for line in lines] == [6, 6]
        assert {name.one("text").text for name in plot.find("g", data_part="name")} == {
            *("hard", "flagged", "sharp", "poor")
        }


def test_points_are_placed_by_their_values(page: Page) -> None:
    """Further right is a higher ELBO, further up a larger gap, both on straight axes."""
    plot = groups(page)[0].one("figure").one("svg")
    found = []
    marks = [g for kind in ("ringed", "hollow") for g in plot.find("g", data_part=f"{kind} m0")]
    for point in (mark.one("use") for mark in marks):
        tooltip = point.one("title").text
        ((elbo, gap),) = re.findall(r"ELBO −([\d.]+), gap at ε = 0.2 ([\d.]+)", tooltip)
        x, y = (float(point.attributes[key]) for key in ("x", "y"))
        found.append((x, y, -float(elbo), float(gap)))
    columns = np.array(found).T
    for place, value, sign in ((columns[0], columns[2], 1), (columns[1], columns[3], -1)):
        slope, offset = np.polyfit(value, place, 1)
        assert slope * sign > 0
        np.testing.assert_allclose(slope * value + offset, place, atol=0.3)


def test_table_rows_equal_the_stored_numbers(page: Page, models: Path) -> None:
    rows = list(groups(page)[0].one("tbody").find("tr"))
    names = [row.one("th").text.split()[0] for row in rows]
    assert names == ["hard", "flagged", "poor", "sharp"]
    for name, row in zip(names, rows, strict=True):
        cells = [cell.text for cell in row.find("td")]
        stored = read_json(models / name / PLACE / "summary.json")["measures"]
        elbo = read_json(models / name / "evaluation" / "measures.json")["elbo"]
        assert cells[:3] == ["1", "1", number(elbo)]
        for place, measure in ((3, "gap@0.2"), (5, "auddc_worst")):
            ends = stored[measure]
            interval = f"{number(ends['low'])} … {number(ends['high'])}"
            assert cells[place] == f"{number(ends['value'])} {interval}"
        assert cells[7] == ("–" if name == "poor" else "✓")
        assert cells[8] == (
            "unreliable: 1 flag not converged" if name == "flagged" else "believable"
        )
    assert [cell.text for cell in rows[0].find("td")][4] == "reference"
    assert [cell.text for cell in rows[1].find("td")][4].startswith("−0.100 −0.100")


def test_a_raised_flag_is_explained_and_the_queries_are_given(page: Page, models: Path) -> None:
    alert = page.root.one("section", id="flags").one("div", class_="alert").text
    assert alert.startswith("▲ Not converged (flagged): a stronger attack exists")
    queries = [pre.text for pre in page.root.one("section", id="queries").find("pre")]
    store = Store.open([models])
    assert [store.query(sql).num_rows for sql in queries] == [5, 5, 5, 60, 80]


def test_few_pairs_are_points(tmp_path: Path) -> None:
    for name, elbo in (("a", -80), ("b", -90)):
        model(tmp_path / name, elbo, [0.5] * 3)
    page = written(tmp_path, tmp_path)
    assert list(page.root.find("g", data_part="ringed m0"))
    assert not list(page.root.find("g", data_part="whisker m0"))
    assert "Fewer than 10 pairs: points without intervals." in page.root.one("section").text
    assert page.root.one("p", class_="lead").text == (
        "a dominates every other model in robustness and ELBO."
    )


def test_a_page_without_results_lists_the_missing_steps(tmp_path: Path) -> None:
    write_trained(tmp_path / "bare", KINDS["vae"])
    page = written(tmp_path, tmp_path)
    text = page.root.one("section").text
    assert "No model of this group has both an ELBO and a measured attack." in text
    assert "bare : not attacked and measured" not in text
    assert "not evaluated yet; not attacked and measured with this suite yet" in text
    assert "not attacked yet" in page.root.one("header").text


def test_a_page_states_that_all_models_are_flagged(tmp_path: Path) -> None:
    for name, elbo, gap in (("a", -80, 0.2), ("b", -90, 0.4)):
        model(tmp_path / name, elbo, [gap] * 3, ["not converged"])
    page = written(tmp_path, tmp_path)
    assert page.root.one("p", class_="aside").text.startswith(
        "All models have raised flags (on the front: not converged)."
    )
    plot = page.root.one("figure")
    assert list(plot.find("g", data_part="front flagged"))
    assert not list(plot.find("g", data_part="front"))


def test_hostile_names_are_inert(tmp_path: Path) -> None:
    hostile = "<script>alert(1)<img src=x onerror=alert(2)>\"'&{{ 7 * 7 }}"
    folder = write_trained(tmp_path / "runs" / hostile, KINDS["vae"])
    suite = write_suite(folder, KINDS["vae"], 2)
    write_evaluation(folder, replace(KINDS["vae"], elbo=-80.0))
    config = folder.path / "config.toml"
    config.write_text(config.read_text().replace('"dsprites"', "'</style><script>alert(3)'"))
    flags = read_json(suite / "flags.json")
    flags[0] |= {"name": "<script>alert(4)</script>", "raised": True}
    write_json(suite / "flags.json", flags)
    suite.rename(suite.with_name("it's <svg onload=alert(5)>"))
    page = written(tmp_path, tmp_path / "runs")
    assert len(list(page.root.find("script"))) == 1
    assert len(list(page.root.find("style"))) == 1
    assert not list(page.root.find("img"))
    assert not [s for s in page.root.find("svg") if "onload" in s.attributes]
    assert "{{ 7 * 7 }}" in page.root.one("th", scope="row").text
    assert "alert(4)" in page.root.one("section", id="flags").text
    assert str(tmp_path) not in page.source


def test_the_same_store_gives_the_same_bytes_and_a_bad_place_an_error(
    models: Path, page: Page, tmp_path: Path
) -> None:
    assert written(tmp_path, models).source == page.source
    assert len(page.source) < 1e5
    with pytest.raises(ArtifactError, match="cannot write"):
        write_comparison(Store.open([models]), models / "hard" / "run.json" / "x.html")
