"""Several reproductions in one folder: earlier experiments stay on the page and in the rows."""

import re
import shutil
from dataclasses import replace

import pytest

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.paper import reproduce as module
from seatbelt_vae.paper import requested_models
from seatbelt_vae.paper.experiments import EXPERIMENTS
from seatbelt_vae.paper.reproduce import reproduce
from seatbelt_vae.paper.sizes import SIZES
from seatbelt_vae.results import Store
from seatbelt_vae.results.session import Session

SMOKE = SIZES["smoke"]
LONGER = replace(SMOKE, name="longer", roll_training=replace(SMOKE.roll_training, steps=21))
FIRST = EXPERIMENTS["figA7"]
MEMBERS = list(FIRST.members(SMOKE))
SECOND = replace(FIRST, id="fig1", title="the first alone", members=lambda _: MEMBERS[:1])


@pytest.fixture(autouse=True)
def _two_of_points(monkeypatch):
    for place in (module, requested_models):
        monkeypatch.setattr(place, "EXPERIMENTS", {"fig1": SECOND, "figA7": FIRST})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The first experiment alone."""
    folder = tmp_path_factory.mktemp("reproduced") / "out"
    reproduce([FIRST], SMOKE, folder)
    return folder


@pytest.fixture
def out(made, tmp_path):
    return shutil.copytree(made, tmp_path / "out")


def sections(out):
    page = (out / "reproduction.html").read_text()
    return re.findall(r'<section id="(fig[^"]*)"', page)


def parts(out):
    query = "SELECT experiment, count(*) AS models FROM members GROUP BY ALL"
    rows = Store.open([out / "rows"]).query(query).to_pylist()
    return {row["experiment"]: row["models"] for row in rows}


def test_one_figure_more_stands_beside_those_that_were_made(out):
    assert sections(out) == ["figA7"]
    reproduce([SECOND], SMOKE, out)
    assert sections(out) == ["fig1", "figA7"]
    assert parts(out) == {"fig1": 1, "figA7": len(MEMBERS)}
    page = (out / "reproduction.html").read_text()
    assert "seatbelt-vae reproduce all --size smoke" in page
    assert "ask for" not in page
    assert list((out / "figures" / "figA7").glob("*.svg"))


def test_what_was_made_at_another_size_is_not_shown(out):
    reproduce([SECOND], LONGER, out)
    assert sections(out) == ["fig1"]
    assert parts(out) == {"fig1": 1}


def test_models_that_an_earlier_figure_lost_are_counted(out):
    (lost, *_) = sorted(out.glob("runs/swiss-roll-beta-*/evaluation/members.parquet"))
    lost.unlink()
    reproduce([SECOND], SMOKE, out)
    assert sections(out) == ["fig1", "figA7"]
    page = (out / "reproduction.html").read_text()
    assert "models that are not here: 1; ask for figA7 again" in page


def test_rows_stay_until_new_ones_are_whole(out, monkeypatch):
    before = parts(out)

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Session, "_whole_views", stopped)
        with pytest.raises(KeyboardInterrupt):
            reproduce([SECOND], SMOKE, out)
    assert parts(out) == before
    for age in ("new", "old"):  # as a killed process leaves them
        (out / f".rows.{age}").mkdir()
        (out / f".rows.{age}" / "runs.parquet").write_bytes(b"PAR1 half")
    reproduce([SECOND], SMOKE, out)
    assert parts(out) == {"fig1": 1, **before}
    assert not list(out.glob(".rows*"))


def test_rows_that_are_no_export_are_left(out):
    (out / "rows" / "store.json").unlink()
    with pytest.raises(ArtifactError, match="exists and is not empty"):
        reproduce([FIRST], SMOKE, out)
    assert (out / "rows" / "runs.parquet").exists()
