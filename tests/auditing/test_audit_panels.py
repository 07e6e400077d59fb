"""The weakest pairs of a report: order, pictures in their places, features of vectors."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seatbelt_vae.auditing.audit_panels import weakest
from seatbelt_vae.auditing.audit_pictures import AuditPictures
from seatbelt_vae.auditing.page import write_audit_report
from seatbelt_vae.report.drawing.images import pixels, png_uri, signed
from seatbelt_vae.report.tables import number
from seatbelt_vae.runs import read_rows
from seatbelt_vae.runs.audit_document import read_audit
from tests.auditing.stored_audit import images_of, section, value_of, write_audited
from tests.report.page import Page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page.of(write_audit_report(write_audited(tmp_path_factory.mktemp("audit"))))


def test_the_weakest_pairs_come_first_with_one_budget_shown(page: Page) -> None:
    rows = list(section(page, "weakest").find("div", class_="panel-row"))
    assert len(rows) == 8
    assert rows[0].one("strong").text == "108 → 208 beach"
    steps = list(rows[0].find("p", class_="budget"))
    assert len(steps) == 9
    gap = value_of(8, "gap", 0.2)
    assert steps[2].text.startswith(f"{100 - 100 * gap:.0f} % of the way ▲1 gap ↑ {number(gap)}")
    captions = [c.text for c in rows[0].find("figcaption")]
    assert captions == [
        *("input", "its reconstruction", "distortion", "adversarial input"),
        *("its reconstruction", "target's reconstruction"),
    ]
    checked = [e.attributes["id"] for e in page.root.find("input") if "checked" in e.attributes]
    assert checked == ["budget-2"]
    labels = [label.text for label in section(page, "weakest").find("label")]
    assert labels[2] == "0.2"
    assert labels[7] == "8/255"


def test_every_picture_is_in_its_place(page: Page) -> None:
    strong, weak = images_of(1, (3, 6, 4)), images_of(8, (3, 6, 4))
    first, *_, last = section(page, "weakest").find("div", class_="panel-row")
    shown = [image.attributes["src"] for image in first.find("img")]
    moved = [images["linf_adversarial"][3] - images["x"] for images in (strong, weak)]
    scale = float(moved[1].max())
    assert shown[0] == png_uri(pixels(weak["x"], (0.0, 1.0)))
    assert shown[1] == png_uri(pixels(weak["reconstruction_x"], (0.0, 1.0)))
    assert shown[10] == png_uri(signed(moved[1], scale / 3))  # mean over channels
    assert shown[11] == png_uri(pixels(weak["l2_adversarial"][0], (0.0, 1.0)))
    assert shown[28] == png_uri(pixels(weak["linf_reconstruction"][3], (0.0, 1.0)))
    assert shown[29] == png_uri(pixels(weak["reconstruction_target"], (0.0, 1.0)))
    # all pairs share one scale
    picture = list(last.find("img"))[10].attributes["src"]
    assert picture == png_uri(signed(moved[0], scale / 3))


def test_distortions_of_channels_of_distinct_ranges_count_by_their_share(tmp_path: Path) -> None:
    folder = write_audited(tmp_path, event=(3, 6, 4))
    audit = read_audit(folder / "audit.json")
    low, high = (0.0, -1.0, -4.0), (1.0, 1.0, 4.0)  # ranges 1, 2, 8
    bounds = tuple(tuple(((value,),) for value in end) for end in (low, high))
    pictures = AuditPictures(replace(audit.target, bounds=bounds))
    share = torch.linspace(-0.5, 0.5, 72).view(3, 6, 4)
    distortion = share * torch.tensor([1.0, 2.0, 8.0])[:, None, None]
    mean_range = 11 / 3
    assert pictures.scale(distortion) == pytest.approx(
        mean_range * float(share.mean(0).abs().max())
    )
    assert pictures.distortion(distortion, mean_range) == png_uri(signed(share, 1.0))


def test_large_images_are_shrunk_and_unusual_channels_averaged(tmp_path: Path) -> None:
    folder = write_audited(tmp_path, event=(2, 200, 10))
    pairs, _ = weakest(folder, read_audit(folder / "audit.json"), read_rows(folder / "worst"))
    mean = torch.full((1, 100, 5), 0.16)
    assert pairs[0].clean["x"] == png_uri(pixels(mean, (0.0, 1.0)))


def test_vectors_show_the_features_that_move_most(tmp_path: Path) -> None:
    page = Page.of(write_audit_report(write_audited(tmp_path, event=(12,))))
    weak = section(page, "weakest")
    assert not list(weak.find("img"))
    tables = list(weak.one("div", class_="panel-row").find("table"))
    assert len(tables) == 9
    first = [cell.text for cell in list(tables[2].find("tr"))[1].children]
    images = images_of(8, (12,))
    moved = images["l2_adversarial"][2]
    assert first[0] == "9"
    assert float(first[1]) == pytest.approx(float(images["x"][9]), abs=1e-3)
    assert first[2] == "+0.200"
    assert float(first[3]) == pytest.approx(float(moved[9]), abs=1e-3)
    assert float(first[5]) == pytest.approx(float(images["l2_reconstruction"][2][9]), abs=1e-3)
