"""The paper by command: the page it leaves, its queries, what is resumed, what is refused."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from markupsafe import escape

from seatbelt_vae.cli import main
from seatbelt_vae.paper import EXPERIMENTS
from seatbelt_vae.paper.page.commands import results_command
from seatbelt_vae.results import Store
from tests.data.written_sets import fashion_mnist

from .conftest import Run

ROOT = Path(__file__).parents[2]
REPRODUCED = ROOT / "docs" / "reproduction"


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """What `make reproduce-smoke` makes, on a small Fashion-MNIST; and the command it was."""
    shown = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/.installed-test", "reproduce-smoke"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in shown.stdout.splitlines() if "seatbelt-vae reproduce" in line)
    words = shlex.split(line.split("seatbelt-vae ", 1)[1])
    place = tmp_path_factory.mktemp("smoke")
    (place / "sets").mkdir()
    _, root = fashion_mnist(place / "sets")
    command = [*words, "--out", str(place / "out"), "--roots", f"fashion-mnist={root}"]
    assert main([*command, "--quiet", "--json"]) == 0
    return place / "out", command


def test_make_runs_everything_at_the_smallest_size(smoke: tuple[Path, list[str]]) -> None:
    assert smoke[1][:4] == ["reproduce", "all", "--size", "smoke"]


def test_the_page_shows_every_experiment_and_every_claim(smoke: tuple[Path, list[str]]) -> None:
    out, _ = smoke
    page = (out / "reproduction.html").read_text()
    for experiment in EXPERIMENTS.values():
        assert f'id="{experiment.id}"' in page
        assert escape(experiment.title) in page
    assert {f"C{n}" for n in range(1, 13)} <= set(re.findall(r"C\d+", page))
    claims = json.loads((out / "claims.json").read_text())
    assert [claim["claim"] for claim in claims] == [f"C{n}" for n in range(1, 13)]
    # one training each: nothing is claimed; 20 steps leave the TC penalty nothing to reduce
    untestable = {c["claim"] for c in claims if c["verdict"] == "not testable at this size"}
    assert untestable == {"C1", "C2", "C3", "C4", "C12"}
    assert {c["verdict"] for c in claims if c["claim"] not in untestable} == {"undecided"}
    assert list(out.glob("figures/*/*.svg"))


def test_every_query_of_the_page_finds_its_rows_in_the_exported_store(
    smoke: tuple[Path, list[str]],
) -> None:
    out, _ = smoke
    page = (out / "reproduction.html").read_text()
    exported, live = Store.open([out / "rows"]), Store.open([out / "runs"])
    for experiment in EXPERIMENTS.values():
        for figure in experiment.figures:
            for strength in ("paper", "strong") if figure.attacked else ("",):
                query = figure.query(experiment.id, strength)
                found = exported.query(query)
                assert found.equals(live.query(query).cast(found.schema))
                assert escape(results_command(query, "rows")) in page


def test_again_makes_the_same_and_claims_read_it(
    smoke: tuple[Path, list[str]], run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    out, command = smoke
    before = (out / "reproduction.html").read_bytes()
    weights = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/model.safetensors")}
    capsys.readouterr()
    assert main([*command, "--quiet", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (out / "reproduction.html").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in weights} == weights
    for folder in (out, out / "rows"):
        told = json.loads(run(f"claims {folder} --json").out)
        named = [{"folder": str(folder), **claim} for claim in again["claims"]]
        assert told == {"claims": named}
    assert "C12" in run(f"claims {out}").out


def test_answers_of_several_folders_are_side_by_side(run: Run) -> None:
    folders = [REPRODUCED / "public" / "rows", REPRODUCED / "small"]
    head, *lines = run("claims " + " ".join(map(str, folders))).out.splitlines()[1:]
    assert head.split() == ["claim", "public", "small"]
    cells = {
        line.split()[0]: re.split(r" {2,}", line.strip())[2:] for line in lines if line[0] == "C"
    }
    assert list(cells) == [f"C{number}" for number in range(1, 13)]
    assert cells["C2"] == ["–", "not testable at this size"]
    both = json.loads(run(f"claims {' '.join(map(str, folders))} --json").out)["claims"]
    assert [claim["folder"] for claim in both] == [str(folders[0])] * 3 + [str(folders[1])] * 12
    for claim in both:
        column = folders.index(Path(claim["folder"]))
        assert cells[claim["claim"]][column] == claim["verdict"]


def test_a_set_that_is_not_here_is_said_and_the_rest_is_made(run: Run) -> None:
    absent = "--size smoke --roots fashion-mnist=nowhere"
    made = run(f"reproduce table1 figA7 {absent} --out here --json")
    assert made.code == 0
    result = json.loads(made.out)
    assert result["missing"] == {
        "fashion-mnist": "no such folder: nowhere; give the folder that holds the files of "
        "'fashion-mnist'"
    }
    page = Path("here/reproduction.html").read_text()
    assert "No fashion-mnist: no such folder" in page
    alone = run(f"reproduce table1 {absent} --out alone")
    assert (alone.code, "no such folder: nowhere" in alone.err) == (2, True)


def test_what_it_would_cost(run: Run) -> None:
    told = run("reproduce fig1 --size smoke --estimate --json")
    cost = json.loads(told.out)
    assert (cost["models"], cost["steps"]) == (3, 60)
    assert cost["hours"] > 0
    unattacked = json.loads(run("reproduce fig6 figA7 --size smoke --estimate --json").out)
    assert unattacked["attack_hours"] == {"strong": 0, "paper": 0}
    assert unattacked["training_hours"] > 0
    assert not Path("runs").exists()


def test_runs_of_other_settings_take_part_no_more(run: Run) -> None:
    made = run("reproduce figA7 --size smoke --out here --quiet")
    assert (made.code, made.out.splitlines()[0]) == (0, "these experiments decide no claim")
    stale = Path("here/runs/stale")
    shutil.copytree(next(Path("here/runs").glob("swiss-roll*")), stale)
    settings = stale / "config.toml"
    settings.write_text(settings.read_text().replace("steps = 20", "steps = 21"))
    assert run("reproduce figA7 --size smoke --out here --quiet").code == 0
    assert not (stale / "evaluation" / "members.parquet").exists()
    members = Store.open([Path("here/rows")]).query("SELECT DISTINCT run FROM members")
    assert "stale" not in {row["run"] for row in members.to_pylist()}
    assert members.num_rows == 3
