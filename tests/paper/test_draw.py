"""Every figure of every experiment: its files, its bytes, and its text without rows."""

import re
from xml.etree import ElementTree

import pytest

from seatbelt_vae.paper.drawing import draw
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.page.raised_flags import flag_query
from seatbelt_vae.paper.sizes import SIZES
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
