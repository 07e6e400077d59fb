"""The frontier of defences by command: smoke from end to end, resumed, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
from markupsafe import escape

from seatbelt_vae.cli import main
from seatbelt_vae.paper import DEFENCE_SIZES, DEFENCES, PROBED_DEFENCES
from seatbelt_vae.paper.page.commands import results_command
from seatbelt_vae.results import Store
from seatbelt_vae.runs import read_rows

from .conftest import Run

KINDS = 16


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("defences") / "out"
    command = ["reproduce", "defences", "--size", "smoke", "--out", str(out), "--quiet", "--json"]
    assert main(command) == 0
    return out


def test_every_query_of_the_page_finds_its_rows_in_the_exported_store(smoke: Path) -> None:
    page = (smoke / "reproduction.html").read_text()
    exported, live = Store.open([smoke / "rows"]), Store.open([smoke / "runs"])
    for figure in DEFENCES.figures:
        query = figure.query("defences")
        found = exported.query(query)
        assert found.equals(live.query(query).cast(found.schema))
        assert escape(results_command(query, "rows")) in page
    rows = found.to_pylist()
    models = {row["series"] for row in rows if not row["series"].startswith("pPCA")}
    assert models == {member.series for member in DEFENCES.members(DEFENCE_SIZES["smoke"])}
    assert len(models) == KINDS
    assert all(row["training_s"] > 0 for row in rows if row["series"] in models)
    assert len(list(smoke.glob("runs/*/evaluation/linear.parquet"))) == 1


def test_a_hardened_model_has_the_decoder_and_the_time_of_its_source(smoke: Path) -> None:
    (hardened,) = smoke.glob("runs/*hardened*")
    (source,) = smoke.glob("runs/dsprites-vae-z4-*")
    about = json.loads((hardened / "hardened.json").read_text())
    assert about["source"] == str(source)
    assert about["steps"] == DEFENCE_SIZES["smoke"].hardening.steps
    times = [read_rows(place / "evaluation/members.parquet")[0] for place in (source, hardened)]
    assert times[1]["training_s"] > times[0]["training_s"] > 0


def test_the_hardened_model_has_the_probe_of_the_codes_before(smoke: Path) -> None:
    (figure,) = PROBED_DEFENCES.figures
    rows = Store.open([smoke / "rows"]).query(figure.query("defended-probes")).to_pylist()
    probes: dict[str, set[str]] = {}
    for row in rows:
        probes.setdefault(row["series"], set()).add(row["probe"])
    both = {"linear-codes", "conv-reconstruction"}
    assert probes.pop("hardened encoder") == {*both, "linear-codes-before"}
    assert set(map(frozenset, probes.values())) == {frozenset(both)}
    assert {row["x"] for row in rows} == {0.0, 0.02, 0.05, 0.1, 0.2, 0.3}
    assert f">{PROBED_DEFENCES.title}</h2>" in (smoke / "reproduction.html").read_text()


def test_a_trained_run_is_hardened_by_command(smoke: Path, run: Run) -> None:
    (source,) = smoke.glob("runs/dsprites-vae-z4-*")
    told = run(f"defend {source} --out hard --steps 2 --batch-size 8 --quiet")
    assert (told.code, "hardened: hard" in told.out) == (0, True)
    assert Path("hard/model.safetensors").exists()


def test_again_makes_the_same_page_and_missing_parts_are_made(smoke: Path, run: Run) -> None:
    page = (smoke / "reproduction.html").read_bytes()
    (hardened,) = smoke.glob("runs/*hardened*")
    before = (hardened / "model.safetensors").read_bytes()
    kept = {path: path.stat().st_mtime_ns for path in smoke.glob("runs/*/model.safetensors")}
    shutil.rmtree(hardened)
    shutil.rmtree(smoke / "rows")  # a model with rows would not be made again
    (linear,) = smoke.glob("runs/*/evaluation/linear.parquet")
    rows = read_rows(linear)
    linear.unlink()
    again = run(f"reproduce defences --size smoke --out {smoke} --json")
    assert again.code == 0
    assert json.loads(again.out)["findings"].keys() == {"dsprites"}
    assert (hardened / "model.safetensors").read_bytes() == before
    assert read_rows(linear) == rows
    same = {path: time for path, time in kept.items() if path.parent != hardened}
    assert {path: path.stat().st_mtime_ns for path in same} == same
    assert len((smoke / "reproduction.html").read_bytes()) == pytest.approx(len(page), rel=0.01)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("defences fig1 --size smoke", "defences beside other figures: reproduce it alone"),
        ("defences --size paper", "unknown size of defences 'paper'"),
        ("defences --size smoke --roots faces=x", "unknown data set of roots 'faces'"),
    ],
)
def test_requests_that_do_not_fit(line: str, reason: str, run: Run) -> None:
    told = run(f"reproduce {line}")
    assert (told.code, reason in told.err) == (2, True)


def test_sets_that_are_not_here_are_named(run: Run) -> None:
    roots = "faces=nowhere chairs=nowhere celeba=nowhere"
    told = run(f"reproduce defences --size small --roots {roots} --out here")
    assert told.code == 2
    assert all(f"the files of '{name}'" in told.err for name in ("faces", "chairs", "celeba"))
