"""The frontier of defences: its models, its queries, its drawings, its table and its page."""

import re
from collections import Counter
from dataclasses import replace

import pytest
from markupsafe import escape

from seatbelt_vae.paper import DEFENCE_SIZES, DEFENCES
from seatbelt_vae.paper.drawing.frontier_charts import draw_frontier
from seatbelt_vae.paper.experiment_jobs import plan
from seatbelt_vae.paper.findings import findings_of
from seatbelt_vae.paper.front import kinds_of
from seatbelt_vae.paper.page import draw_section, write_page
from seatbelt_vae.paper.page.commands import results_command
from tests.paper.made_up_defences import made_up_defences

SMALL = DEFENCE_SIZES["small"]
FACES = replace(SMALL, only={"defences": ("faces",)})
EXCESS, FRONT, *_ = DEFENCES.figures


@pytest.fixture(scope="module")
def store():
    return made_up_defences(FACES)


@pytest.fixture(scope="module")
def rows(store):
    return store.query(FRONT.query("defences")).to_pylist()


@pytest.fixture(scope="module")
def section(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frontier")
    return draw_section(DEFENCES, store, folder, folder)


@pytest.mark.parametrize("size", DEFENCE_SIZES.values(), ids=DEFENCE_SIZES)
def test_every_kind_of_model_once_per_seed(size):
    members = list(DEFENCES.members(size))
    counts = Counter((m.series, m.model.data) for m in members)
    assert set(counts.values()) == {len(size.seeds)}
    whole = plan([DEFENCES], size)
    assert len(whole.jobs) == len(members)
    assert len({job.digest for job in whole.jobs.values()}) == len(members) - len(whole.sources)
    # a hardened model has the settings of its source, and only the source is trained
    for label, source in whole.sources.items():
        assert whole.jobs[label].run == whole.jobs[source].run
        assert "hardened" not in source
    kinds = {series for series, _ in counts}
    assert len(kinds) == (18 if len(size.depths) == 2 else 16)
    assert [a.strength for job in whole.jobs.values() for a in job.attacks] == ["strong"] * len(
        members
    )
    assert kinds <= set(FRONT.order)


def test_settings_of_the_defences_reach_the_runs():
    jobs = plan([DEFENCES], SMALL, {"celeba": "here"}).jobs
    of = jobs["faces-vae-denoising-adversarial-0.3-z32-beta1-seed1"].run
    assert of.objective.defence == ("denoising-adversarial",)
    assert (of.objective.defence_radius, of.objective.defence_warm_up) == (0.3, 400)
    assert (of.training.seed, of.data.name, of.model.likelihood) == (1, "faces", "gaussian")
    seatbelt = jobs["celeba-seatbelt-denoising-adversarial-0.2-z256-128-64-32-beta6-seed0"].run
    assert (seatbelt.objective.beta, seatbelt.model.preset, seatbelt.data.root) == (
        *(6, "seatbelt", "here"),
    )
    lipschitz = jobs["chairs-vae-lipschitz-z32-beta1-seed0"].run
    assert (lipschitz.model.network, lipschitz.objective.defence) == ("lipschitz", ())
    gaussian = jobs["chairs-vae-coupled-encoder-gaussian-z32-beta1-seed0"].run.objective
    assert (gaussian.defence, gaussian.coupling_source) == (("coupled-encoder",), "gaussian")


def test_the_query_of_a_point_finds_its_rows_and_no_other():
    store = made_up_defences(replace(SMALL, only={"defences": ("faces", "chairs")}))
    rows = store.query(FRONT.query("defences")).to_pylist()
    points = {(row["panel"], row["series"]) for row in rows}
    assert len(points) == 2 * (18 + 3)
    for panel, series in points:
        found = store.query(FRONT.query("defences", panel=panel, series=series)).to_pylist()
        own = [row for row in rows if (row["panel"], row["series"]) == (panel, series)]
        assert found == own
        trainings = 1 if series.startswith("pPCA") else 3
        assert len(found) == trainings * 12 * 5  # pairs and budgets
        assert len({row["run"] for row in found}) == trainings


def test_other_attacks_are_no_rows(store):
    suites = [row | {"loss": "latent-kl"} for row in store.views["suites"]]
    other = type(store)(store.views | {"suites": suites})
    found = other.query(FRONT.query("defences")).to_pylist()
    assert {row["series"].split(",")[0] for row in found} == {"pPCA"}


def test_points_are_drawn_at_their_means(rows):
    sheet = draw_frontier(FRONT, "defences", rows)
    kinds = [k for k in kinds_of(rows) if not k.is_linear]
    (axes,) = [axes for axes in sheet.canvas.axes if axes.get_title("left") == "faces"]
    drawn = {
        line.get_label().split(":")[0]: (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.get_lines()
        if line.get_linestyle() == "None" and "pPCA" not in line.get_label()
    }
    assert len(drawn) == len(kinds) == 18
    for kind in kinds:
        number = FRONT.order.index(kind.series) + 1
        place = kind.cost["elbo"].value, kind.gap[0.2].value
        assert drawn[f"{number} {kind.series}"] == pytest.approx(place)
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    # pPCA by its ELBO of 100 + 10 log units, with the gap 1 − ε(0.8 + 0.4/units)
    of_units = [1 - 0.2 * (0.8 + 0.4 / units) for units in (2, 8, 32)]
    names = "\n".join(f"pPCA, {units} units" for units in (2, 8, 32))
    assert lines[names] == pytest.approx(of_units)
    assert set(lines["1 − ε: a copy"]) == {0.8}
    (plain,) = [k for k in kinds if k.series == "VAE"]
    assert set(lines["blend, VAE"]) == {plain.blend[0.2]}


def test_the_table_has_a_row_and_a_query_per_point(store, section):
    table = section.drawn[0].table
    assert len(table.rows) == len(table.queries) == 21
    names = [(row[0].note, row[0].text.split(" ", 1)[1]) for row in table.rows]
    for (panel, series), query in zip(names, table.queries, strict=True):
        found = store.query(query).to_pylist()
        assert {row["panel"] for row in found} == {panel.split(";")[0]}
        assert all(row["series"].endswith(series) for row in found)
    lipschitz = next(row for row in table.rows if "Lipschitz" in row[0].text)
    assert lipschitz[0].note == "faces; certified 0.80, 0.60, 0.40"  # 1 − 2ε
    assert lipschitz[6].text == "1.27"  # 60 + 16 seconds, in minutes


def test_the_page_leads_with_the_findings(store, section, tmp_path):
    findings = findings_of([DEFENCES], store)
    assert [one.panel for one in findings] == ["faces"]
    page = write_page(
        *(tmp_path / "page.html", [section], [], plan([DEFENCES], FACES)),
        rows="rows",
        commands=["seatbelt-vae reproduce defences --size small"],
        findings=findings,
    ).read_text(encoding="utf-8")
    assert "<h1>Which defences are worth their cost?</h1>" in page
    assert DEFENCES.title in page
    assert all(escape(sentence) in page for one in findings for sentence in one.sentences)
    assert all(
        escape(results_command(query, "rows")) in page for query in section.drawn[0].table.queries
    )
    assert "Published attack" not in page
    assert len(re.findall("<svg[^>]*drawing", page)) == len(DEFENCES.figures)
