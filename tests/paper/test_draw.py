"""Every figure of every experiment: its files, its bytes, and its text without rows."""

import re
from xml.etree import ElementTree

import pytest

from seatbelt_vae.paper.drawing import draw
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.page import draw_section
from seatbelt_vae.paper.page.raised_flags import flag_query
from seatbelt_vae.paper.sizes import SIZES
from seatbelt_vae.report.drawing.svg import inlined
from tests.paper.made_up import MadeUp, made_up
from tests.paper.made_up_runs import write_runs

KINDS = {
    "curves": ("fig3", "delta"),
    "densities": ("fig2", "sigma"),
    "scatter": ("figE11", "gap"),
    "rates": ("table1", "accuracy"),
    "clouds": ("figA7", "codes"),
    "attacks": ("fig1", "attacks"),
    "reconstructions": ("fig6", "reconstructions"),
}


@pytest.fixture(scope="module")
def store():
    return made_up([EXPERIMENTS[name] for name, _ in KINDS.values()], SIZES["smoke"], pairs=3)


@pytest.fixture(scope="module")
def runs(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    write_runs(folder, store)
    return folder


def figure_of(kind):
    experiment, name = KINDS[kind]
    (figure,) = [f for f in EXPERIMENTS[experiment].figures if f.name == name]
    return figure, EXPERIMENTS[experiment]


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_of_each_kind(kind, store, runs, tmp_path):
    figure, experiment = figure_of(kind)
    drawn = draw(figure, experiment, store, tmp_path / "once", runs)
    again = draw(figure, experiment, store, tmp_path / "again", runs)
    assert [d.strength for d in drawn] == (["paper", "strong"] if figure.attacked else [""])
    for one, other in zip(drawn, again, strict=True):
        text = one.file.read_bytes()
        assert text == other.file.read_bytes()
        assert len(text) < 300_000
        assert one.rows == len(store.query(one.query)) > 0
        assert len(one.caption) > 40
        assert b"<text" in text
        assert b"dc:date" not in text
        addresses = re.findall(
            rb"https?://[^\"' <]*", re.sub(rb"<metadata>.*</metadata>", b"", text, flags=re.S)
        )
        assert all(b"w3.org" in address for address in addresses)
        ids = [element.get("id", "") for element in ElementTree.fromstring(text).iter()]
        marks = [name for name in ids if re.match(r"\d+\.\d+ ", name)]
        assert len(marks) == len(set(marks))
    assert len({d.file for d in drawn}) == len(drawn)


@pytest.mark.parametrize("kind", KINDS)
def test_without_rows_nothing_is_drawn_and_it_says_so(kind, tmp_path):
    figure, experiment = figure_of(kind)
    for drawn in draw(figure, experiment, MadeUp({}), tmp_path / "figures", tmp_path):
        assert (drawn.file, drawn.rows) == (None, 0)
        assert drawn.caption == "Nothing to draw: the query finds no rows."
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=lambda e: e.id)
def test_every_query_fits_the_views(experiment):
    empty = MadeUp({})
    for figure in experiment.figures:
        for strength in ("paper", "strong") if figure.attacked else ("",):
            assert len(empty.query(figure.query(experiment.id, strength))) == 0
    if experiment.attacks:
        assert len(empty.query(flag_query(experiment))) == 0


def test_attacks_on_pairs_that_differ_in_one_factor_are_not_mixed_with_others():
    ids = ("fig3", "fig4")
    store = made_up([EXPERIMENTS[name] for name in ids], SIZES["smoke"], pairs=3)
    both = store.query("SELECT run FROM suites GROUP BY run HAVING count(DISTINCT vary) = 1")
    assert len(both) > 0  # a model of both experiments is attacked in both ways
    figure, experiment = figure_of("curves")
    rows = store.query(figure.query(experiment.id, "strong")).to_pylist()
    assert len(rows) == len({(row["run"], row["item"]) for row in rows})


@pytest.mark.parametrize("kind", ["attacks", "reconstructions"])
def test_images_stay_when_their_run_folders_are_gone(kind, store, runs, tmp_path):
    figure, experiment = figure_of(kind)
    first = draw(figure, experiment, store, tmp_path, runs)
    before = [d.file.read_bytes() for d in first]
    later = draw(figure, experiment, store, tmp_path, tmp_path / "gone")
    assert later == first
    assert [d.file.read_bytes() for d in later] == before
    assert b"<desc>" in before[0]
    assert "<desc" not in inlined(before[0], "name")


@pytest.mark.parametrize("kind", ["attacks", "reconstructions"])
def test_images_of_other_runs_do_not_stay(kind, store, runs, tmp_path):
    figure, experiment = figure_of(kind)
    for d in draw(figure, experiment, store, tmp_path, runs):
        root = ElementTree.parse(d.file).getroot()
        root.set("data-runs", root.get("data-runs").replace("seed0", "seed1", 1))
        d.file.write_bytes(ElementTree.tostring(root))
    for d in draw(figure, experiment, store, tmp_path, tmp_path / "gone"):
        assert (d.file, d.caption[:32]) == (None, "The images are in the run folder")


def test_a_section_deletes_figures_that_it_no_longer_has(store, runs, tmp_path):
    experiment = EXPERIMENTS["fig1"]
    draw_section(experiment, store, tmp_path, runs)
    (tmp_path / "fig1" / "old.svg").write_text("<svg/>")
    section = draw_section(experiment, store, tmp_path, tmp_path / "gone")
    assert {d.file for d in section.drawn} == {*(tmp_path / "fig1").glob("*.svg")} != set()
    (tmp_path / "fig1" / "attacks-paper.svg").write_text("<svg")  # a corrupt file is no figure
    section = draw_section(experiment, store, tmp_path, tmp_path / "gone")
    assert [d.file and d.file.name for d in section.drawn] == [None, "attacks-strong.svg"]
    assert not (tmp_path / "fig1" / "attacks-paper.svg").exists()
