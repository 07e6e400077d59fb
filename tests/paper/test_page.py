"""The page of a reproduction: complete, traceable, self-contained, and escaped."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from seatbelt_vae.paper.claims import answer_all
from seatbelt_vae.paper.experiment_jobs import plan
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.page import Section, draw_section, write_page
from seatbelt_vae.paper.page.commands import results_command
from seatbelt_vae.paper.page.omissions import omissions
from seatbelt_vae.paper.page.raised_flags import raised_flags
from seatbelt_vae.paper.sizes import SIZES
from seatbelt_vae.report.drawing.style import THEME
from tests.paper.made_up import MadeUp, made_up
from tests.paper.made_up_runs import write_runs
from tests.report.page import Page

IDS = ("fig1", "fig3", "table1")
SIZE = SIZES["smoke"]
CHOSEN = [EXPERIMENTS[name] for name in IDS]
ROWS = "docs/my rows"
HOSTILE = "</style><img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="module")
def store() -> MadeUp:
    return made_up(CHOSEN, SIZE, pairs=3)


@pytest.fixture(scope="module")
def sections(store, tmp_path_factory) -> list[Section]:
    folder = tmp_path_factory.mktemp("reproduction")
    write_runs(folder / "runs", store)
    (folder / "figures" / IDS[0]).mkdir(parents=True)
    (folder / "figures" / IDS[0] / "of an earlier version.svg").touch()
    return [draw_section(one, store, folder / "figures", folder / "runs") for one in CHOSEN]


def written(out: Path, sections: list[Section], store: MadeUp, **more: object) -> Page:
    about = {"rows": ROWS, "commands": ["seatbelt-vae reproduce all --size smoke"]}
    answers = answer_all(store)
    return Page.of(write_page(out, sections, answers, plan(CHOSEN, SIZE), **(about | more)))


@pytest.fixture(scope="module")
def page(sections, store, tmp_path_factory) -> Page:
    return written(tmp_path_factory.mktemp("page") / "reproduction.html", sections, store)


def test_every_figure_stands_above_the_command_for_its_rows(page, sections):
    commands = ["".join(pre.pieces) for pre in page.root.find("pre")]
    for section in sections:
        (place,) = page.root.find("section", id=section.experiment.id)
        assert section.experiment.title in place.text
        assert section.experiment.published in place.text
        for drawn in section.drawn:
            assert results_command(drawn.query, ROWS) in commands
            assert f"{drawn.rows} rows" in place.text.replace("\u202f", "")
            assert " ".join(drawn.caption.split()) in place.text
        assert len(list(place.find("svg"))) == sum(d.file is not None for d in section.drawn)


@pytest.mark.parametrize(
    "query",
    [
        """SELECT "gap@0.2"\nFROM pairs WHERE loss = 'latent-kl'""",
        "SELECT '$HOME', `x`, '\\' || '!' AS \"a\"",
        "SELECT '\\$HOME', `x`, \"a\" FROM t",
        'SELECT "$(touch x)" FROM t',
    ],
)
def test_a_shell_reads_the_command_as_it_was_meant(query):
    script = 'seatbelt-vae() { printf "%s\\0" "$@"; }\n' + results_command(query, "my $rows")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\0")[:-1] == ["results", query, "--runs", "my $rows"]


def test_no_drawing_of_an_earlier_version_is_left(sections):
    drawn = {d.file for section in sections for d in section.drawn if d.file}
    (folder,) = {path.parents[1] for path in drawn}
    assert set(folder.rglob("*.svg")) == drawn


def test_nothing_is_fetched(page):
    assert "default-src 'none'" in page.source
    assert not list(page.root.find("script"))
    pointed = re.findall(r"(?:src|href)=\"([^\"]*)\"", page.source)
    assert all(address.startswith(("#", "data:")) for address in pointed)
    assert not re.search(r"url\((?!#)|@import", page.source)


def test_drawings_follow_the_theme_and_share_no_names(page):
    drawings = re.findall(r"<svg class=\"drawing.*?</svg>", page.source, re.S)
    for drawing in drawings:
        assert "var(--ink)" in drawing
        assert not [colour for colour in THEME if colour in drawing]
        names = re.findall(r' id="([^"]+)"', drawing)
        assert set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", drawing)) <= {
            pair for name in names for pair in ((name, ""), ("", name))
        }
    everywhere = re.findall(r' id="([^"]+)"', page.source)
    assert len(everywhere) == len(set(everywhere))


def test_what_is_told_from_outside_is_escaped(sections, store, tmp_path):
    hostile = {HOSTILE: HOSTILE}
    page = written(
        *(tmp_path / "page.html", sections, store),
        rows=HOSTILE,
        commands=[HOSTILE],
        missing=hostile,
        failures=hostile,
    )
    assert not list(page.root.find("script"))
    assert not list(page.root.find("img"))
    assert HOSTILE in "".join(page.root.one("header").pieces)


def test_claims_have_their_answers(page, store):
    for answer in answer_all(store):
        (claim,) = page.root.find("article", id=answer.claim.id)
        badge = claim.one("span", class_="badge")
        assert badge.text == answer.verdict
        assert answer.verdict.replace(" ", "-") in badge.attributes["class"].split()
        assert answer.why in claim.text


def test_what_stands_in_and_what_is_missing_is_said(sections, store, tmp_path):
    page = written(tmp_path / "page.html", sections, store, missing={"dsprites": "no disk"})
    (figure,) = page.root.find("section", id="fig1")
    assert "dsprites stands in for celeba." in figure.text
    assert "No dsprites: no disk" in figure.text


@pytest.mark.parametrize("name", ["smoke", "small"])
def test_a_set_stands_in_only_where_models_were_made_of_it(name):
    size = SIZES[name]
    # panel (c) of figure 6 is of CelebA at β = 20, which no other set takes the place of
    said = " ".join(omissions(EXPERIMENTS["fig6"], size, {}))
    assert "for celeba" not in said
    assert "Not at this size: panel (c), of celeba." in said
    for experiment in ("fig1", "fig2"):
        said = list(omissions(EXPERIMENTS[experiment], size, {}))
        assert said == [f"{size.actual('celeba')} stands in for celeba."]


def test_at_the_size_of_the_paper_nothing_is_left_out():
    for experiment in EXPERIMENTS.values():
        assert list(omissions(experiment, SIZES["paper"], {})) == []


def test_a_figure_without_rows_says_so_in_its_place(store, tmp_path):
    full, empty = (
        draw_section(EXPERIMENTS["fig3"], rows, tmp_path / name, tmp_path)
        for name, rows in (("full", store), ("empty", MadeUp({})))
    )
    mixed = replace(full, drawn=[full.drawn[0], *empty.drawn[1:]])
    page = written(tmp_path / "page.html", [mixed], store)
    said = [place.text for place in page.root.find("p", class_="missing")]
    assert len(empty.drawn) > 1
    assert said == ["Nothing to draw: the query finds no rows."] * (len(empty.drawn) - 1)


def test_an_experiment_without_rows_says_so_once(tmp_path):
    empty = MadeUp({})
    sections = [draw_section(one, empty, tmp_path / "figures", tmp_path) for one in CHOSEN]
    page = written(tmp_path / "page.html", sections, empty)
    said = [place.text for place in page.root.find("p", class_="missing")]
    words = "Nothing to draw: no model of this experiment is attacked or measured yet."
    assert said == [words] * len(CHOSEN)
    assert not list(page.root.find("svg"))


def test_raised_flags_are_counted_by_suites(store, page):
    (flag,) = raised_flags(EXPERIMENTS["fig3"], store)
    # of the models at β = 1 and 10, the made-up published attack fails on the latter
    assert (flag.strength, flag.name) == ("paper", "trivial bound exceeded")
    assert (flag.suites, flag.judged) == (1, 2)
    (section,) = page.root.find("section", id="fig3")
    assert "trivial bound exceeded (paper: 1 of 2 suites)" in section.text


def test_the_same_reproduction_gives_the_same_bytes(page, sections, store, tmp_path):
    assert written(tmp_path / "again.html", sections, store).source == page.source
