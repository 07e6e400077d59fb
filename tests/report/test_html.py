"""The report's page: structure, numbers equal to the rows', nothing fetched, all text inert."""

import re
import shutil
from pathlib import Path

import pytest

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.evaluation.measures import measures_by_group
from seatbelt_vae.report import collect, write_report
from seatbelt_vae.report.image_panels import panels
from seatbelt_vae.report.tables import number, tables
from seatbelt_vae.runs import RunFolder, read_json, read_rows, write_json, write_rows
from tests.report.page import Element, Page
from tests.report.synthetic import KINDS, write_evaluation, write_suite, write_trained

SUITE = "attacks/latent-kl-strong"


def report(folders: list[Path], out: Path) -> Page:
    return Page.of(write_report(folders, out / "report.html"))


def test_the_sections_come_in_order_and_every_link_inside_has_a_target(page: Page) -> None:
    sections = [s.attributes["id"] for s in page.root.find("section")]
    assert sections == [
        *("summary", "attacks", "curves", "latents", "measures", "flags", "reproduce"),
    ]
    ids = re.findall(r' id="([^"]*)"', page.source)
    assert len(ids) == len(set(ids))
    targets = {a.attributes["href"][1:] for a in page.root.find("a")}
    assert targets <= set(ids)
    labels = {e.attributes.get("for") for e in page.root.find("label")}
    assert labels <= set(ids)


def test_nothing_is_fetched(page: Page) -> None:
    text = re.sub(r"data:image/png;base64,[\w+/=]*", "", page.source)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", text)
    for tag in ("img", "link", "script", "iframe"):
        for element in page.root.find(tag):
            source = element.attributes.get("src", element.attributes.get("href", "data:"))
            assert source.startswith("data:")
    policy = next(m for m in page.root.find("meta") if "http-equiv" in m.attributes)
    assert policy.attributes["content"].startswith("default-src 'none'; img-src data:;")


def test_a_card_states_the_finding_the_numbers_and_the_trust(page: Page, demo: list[Path]) -> None:
    cards = list(page.root.find("article"))
    assert len(cards) == 3
    for card, folder in zip(cards, demo, strict=True):
        found = read_json(folder / SUITE / "summary.json")["measures"]
        evaluated = read_json(folder / "evaluation" / "measures.json")
        gap = found["gap@0.2"]["value"]
        assert f"moves {round(100 * (1 - gap))} % of the way to the target" in card.text
        shown = [dd.text.split(" ")[0] for dd in card.find("dd")]
        expected = [gap, found["auddc_worst"]["value"], found["reconstruction_error"]["value"]]
        expected += [evaluated["iou"], evaluated["elbo"]]
        assert [shown[0], *shown[2:]] == [number(value) for value in expected]
    verdicts = [card.one("p", class_="verdict").text.rsplit(" ", 2)[0] for card in cards]
    assert verdicts == ["Fooled", "Fooled", "Partly fooled"]
    badges = [card.one("span", class_="badge").text for card in cards]
    assert badges == ["believable", "unreliable: 1 flag", "believable"]


def test_few_pairs_are_points_without_intervals_and_many_have_both(
    page: Page, large_page: Page
) -> None:
    assert "too few for intervals" in page.root.one("p", class_="aside").text

    def count(root: Element, kind: str) -> int:
        return sum(len(list(root.find("g", data_part=f"{kind} m{k}"))) for k in range(3))

    assert count(page.root, "band") == count(page.root, "interval") == 0
    assert count(page.root, "faint") == 9, "points are drawn"
    assert count(large_page.root, "interval") == 3
    assert count(large_page.root, "band") == 9


def test_every_table_cell_equals_the_stored_number(
    large_page: Page, large_demo: list[Path]
) -> None:
    table = large_page.root.one("table", class_="sortable")
    for row, folder in zip(list(table.find("tr"))[1:], large_demo, strict=True):
        found = read_json(folder / SUITE / "summary.json")["measures"]
        cells = list(row.find("td"))
        names = [f"gap@{e}" for e in ("0.05", "0.1", "0.2", "0.3", "0.5")]
        names += ["auddc_worst", "auddc", "reconstruction_error"]
        for cell, name in zip(cells, names, strict=True):
            ends = found[name]
            assert float(cell.attributes["data-sort"]) == ends["value"]
            interval = f"{number(ends['low'])} … {number(ends['high'])}"
            assert cell.text == f"{number(ends['value'])} {interval}"


def test_the_models_table_equals_their_evaluations(page: Page, demo: list[Path]) -> None:
    table = list(page.root.find("table", class_="sortable"))[-1]
    for row, folder in zip(list(table.find("tr"))[1:], demo, strict=True):
        found = read_json(folder / "evaluation" / "measures.json")
        shown = [cell.text for cell in row.find("td")]
        names = ("elbo", "iwae", "log_likelihood")
        assert shown[:3] == [number(found[name]) for name in names]
        assert shown[3] == number(sum(found["divergences"]))
        assert shown[6] == number(found["iou"])
    assert "0.4 … 0.8" in shown


def test_sortable_tables_have_buttons_in_their_headings(page: Page) -> None:
    tables = list(page.root.find("table", class_="sortable"))
    assert len(tables) == 5
    for table in tables:
        headings = list(table.one("thead").find("th"))
        assert all(h.attributes["aria-sort"] == "none" for h in headings)
        assert all(h.one("button").attributes["type"] == "button" for h in headings)
        for row in table.one("tbody").find("tr"):
            cells = [c for c in row.children if "data-sort" in c.attributes]
            assert len(cells) == len(headings)


def test_panels_hold_every_pair_and_budget_in_the_order_of_the_paper(page: Page) -> None:
    panels = list(page.root.find("div", class_="pair"))
    assert len(panels) == 5
    for panel in panels:
        rows = list(panel.find("div", class_="panel-row"))
        assert len(rows) == 3
        for row in rows:
            captions = [c.text for c in row.find("figcaption")]
            assert captions == [
                *("input", "its reconstruction", "distortion"),
                *("adversarial input", "its reconstruction", "target"),
            ]
            images = [len(list(figure.find("img"))) for figure in row.find("figure")]
            assert images == [1, 1, 5, 5, 5, 1]
    checked = [e.attributes["id"] for e in page.root.find("input") if "checked" in e.attributes]
    assert checked == ["pair-0", "budget-2"]


def test_every_picture_is_in_its_place(page: Page, demo: list[Path]) -> None:
    made = panels(collect(demo), "latent-kl-strong")[1]
    shown = list(page.root.find("div", class_="pair"))[1]
    rows = shown.find("div", class_="panel-row")
    for row, element in zip(made.rows, rows, strict=True):
        assert [image.attributes["src"] for image in element.find("img")] == [
            *(row.input, row.reconstruction),
            *(budget.distortion for budget in row.budgets),
            *(budget.adversarial for budget in row.budgets),
            *(budget.reconstruction for budget in row.budgets),
            row.target,
        ]


def test_panels_state_the_gap_of_each_budget(page: Page, demo: list[Path]) -> None:
    rows = read_rows(demo[2] / SUITE / "budgets")
    gaps = [row["gap"] for row in rows if row["pair"] == 4]
    panel = list(page.root.find("div", class_="pair"))[4]
    name = list(panel.find("div", class_="panel-name"))[2]
    shown = [p.text for p in name.find("p")]
    assert [f"gap {number(gap)}" in text for gap, text in zip(gaps, shown, strict=True)] == [
        True
    ] * 5


def test_raised_flags_are_explained(page: Page) -> None:
    alert = page.root.one("div", class_="alert").text
    assert alert.startswith("▲ Not converged (beta-tcvae): a stronger attack exists")
    states = [td.attributes["class"] for td in page.root.one("table", class_="flags").find("td")]
    assert (states.count("raised"), states.count("clear")) == (1, 47)


def test_hostile_names_are_inert(tmp_path: Path) -> None:
    hostile = "<script>alert(1)<img src=x onerror=alert(2)>\"'&{{ 7 * 7 }}"
    folder = write_trained(tmp_path / hostile, KINDS["vae"])
    suite = write_suite(folder, KINDS["vae"], 2)
    write_evaluation(folder, KINDS["vae"])
    config = folder.path / "config.toml"
    config.write_text(
        config.read_text().replace('"dsprites"', "'</style><script>alert(3)</script>'")
    )
    flags = read_json(suite / "flags.json")
    flags[0] |= {"name": "<script>alert(4)</script>", "raised": True, "detail": "<b onclick=x>"}
    write_json(suite / "flags.json", flags)
    suite.rename(suite.with_name("<svg onload=alert(5)>"))
    page = report([folder.path], tmp_path)
    assert len(list(page.root.find("script"))) == 1
    assert len(list(page.root.find("style"))) == 1
    every = page.root.find
    assert not [
        e
        for tag in ("img", "svg", "b", "input")
        for e in every(tag)
        if any(name.startswith("on") for name in e.attributes)
    ]
    assert all(i.attributes["src"].startswith("data:image/png;base64,") for i in every("img"))
    assert "{{ 7 * 7 }}" in page.root.one("article").text
    assert "alert(5)" in page.root.one("section", id="reproduce").text


def test_the_defence_of_a_model_is_stated_beside_its_preset(tmp_path: Path) -> None:
    plain, defended = (write_trained(tmp_path / name, KINDS["vae"]) for name in ("a", "b"))
    config = defended.path / "config.toml"
    config.write_text(
        config.read_text().replace("defence = []", 'defence = ["denoising-adversarial"]')
    )
    page = report([plain.path, defended.path], tmp_path)
    said = [p.text for p in page.root.find("p", class_="preset")]
    assert said == [
        "the plain VAE: the ELBO",
        "the plain VAE: the ELBO, trained with denoising-adversarial",
    ]


def test_the_same_folders_give_the_same_bytes(demo: list[Path], tmp_path: Path) -> None:
    first = write_report(demo, tmp_path / "a.html").read_bytes()
    assert (
        first == write_report([RunFolder.open(d) for d in demo], tmp_path / "b.html").read_bytes()
    )
    assert len(first) < 3e6


def test_a_page_has_folder_names_without_paths(page: Page, demo: list[Path]) -> None:
    assert str(demo[0].parent) not in page.source


def test_missing_parts_are_stated_in_place(tmp_path: Path) -> None:
    trained = write_trained(tmp_path / "trained", KINDS["vae"])
    page = report([trained.path], tmp_path)
    text = {section.attributes["id"]: section.text for section in page.root.find("section")}
    assert "No answer yet Not attacked yet" in text["summary"]
    assert "No measured attacks yet: seatbelt-vae attack trained" in text["attacks"]
    assert text["curves"].count("yet") == 4
    assert "Not evaluated yet: seatbelt-vae evaluate trained" in text["latents"]
    assert "No attacks yet" in text["flags"]
    shutil.rmtree(trained.path / "metrics")
    (trained.path / "model.json").unlink()
    (trained.path / "model.safetensors").unlink()
    bare = report([trained.path], tmp_path)
    assert "not trained to the end" in bare.root.one("section", id="reproduce").text
    assert "No training rows yet" in bare.root.one("section", id="curves").text


def test_an_unfinished_suite_is_marked(tmp_path: Path) -> None:
    folder = write_trained(tmp_path / "run", KINDS["vae"])
    place = write_suite(folder, KINDS["vae"], 3, AttackConfig(pairs=5))
    for name in ("flags.json", "summary.json"):
        (place / name).unlink()
    page = report([folder.path], tmp_path)
    summary = page.root.one("section", id="summary").text
    assert "Attacked on 3 of 5 pairs, not measured" in summary
    assert "unfinished: flags not computed yet" in summary
    assert "not computed yet" in page.root.one("table", class_="flags").text


def test_attacked_and_other_models_share_a_page(tmp_path: Path) -> None:
    whole = write_trained(tmp_path / "whole", KINDS["vae"])
    write_suite(whole, KINDS["vae"], 2)
    bare = write_trained(tmp_path / "bare", KINDS["seatbelt"])
    page = report([whole.path, bare.path], tmp_path)
    cards = [card.text for card in page.root.find("article")]
    assert "way to the target" in cards[0]
    assert "No answer yet" in cards[1]
    assert all(
        len(list(p.find("div", class_="panel-row"))) == 1
        for p in page.root.find("div", class_="pair")
    )


def test_pairs_not_told_apart_are_counted_and_not_shown_as_gaps(tmp_path: Path) -> None:
    folder = write_trained(tmp_path / "run", KINDS["vae"])
    place = write_suite(folder, KINDS["vae"], 3)
    for name in ("pairs", "budgets"):
        part = place / name / "pair-00000.parquet"
        write_rows(part, [row | {"told_apart": False} for row in read_rows(part)])
    summary = read_json(place / "summary.json")
    write_json(place / "summary.json", summary | {"pairs_told_apart": 2})
    page = report([folder.path], tmp_path)
    assert "1 of 3 pairs left out" in page.root.one("article").text
    first = page.root.one("div", class_="pair")
    assert "reconstructs both images alike" in first.text


def test_a_page_that_cannot_be_written_is_an_artifact_error(demo: list[Path]) -> None:
    with pytest.raises(ArtifactError, match="cannot write"):
        write_report(demo, demo[0] / "config.toml" / "report.html")


def test_the_objective_of_a_suite_with_budgets_is_drawn_against_them(tmp_path: Path) -> None:
    folder = write_trained(tmp_path / "run", KINDS["vae"])
    write_suite(folder, KINDS["vae"], 3, AttackConfig(threat="l2", pairs=3))
    page = report([folder.path], tmp_path).root
    captions = [figure.text for figure in page.find("figure")]
    assert any("within each budget ε on the distortion's size" in text for text in captions)
    assert not any("trivial bound" in text for text in captions)


def test_a_group_of_measures_without_a_value_has_no_table(demo: list[Path], tmp_path: Path) -> None:
    titles = [table.title for table in tables(collect(demo[:1]))]
    assert titles == list(measures_by_group())
    shutil.copytree(demo[0], tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "evaluation")
    assert [table.title for table in tables(collect([tmp_path / "run"]))] == titles[:-1]
