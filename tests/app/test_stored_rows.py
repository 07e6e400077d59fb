"""Stored attacks are shown at each level, with the model, and without it."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from seatbelt_vae.app.app_subject import app_subject
from seatbelt_vae.app.opening import opened_targets
from seatbelt_vae.app.stored_rows import ROWS, StoredRun, stored_run
from seatbelt_vae.attacks import run_suite
from seatbelt_vae.config import AttackConfig
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ArtifactError, ConfigError, SeatbeltError
from seatbelt_vae.evaluation import measure_suite
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.subjects import Subject
from seatbelt_vae.subjects.open import as_subject
from tests.attacks.suite_runs import CONFIG, make_run, sprites


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a measured suite of weights, and one of budgets."""
    folder = make_run(tmp_path_factory.mktemp("stored") / "toy")
    weights = replace(CONFIG, pairs=2, strength="single", weight_count=3)
    suite = run_suite(folder, sprites(), weights)
    measure_suite(suite, as_subject(folder).model)
    budgets = AttackConfig(pairs=1, threat="linf", strength="single", max_evaluations=5)
    run_suite(folder, sprites(), budgets)
    return folder.path


def known(run: Path, name: str, *, with_model: bool = False) -> StoredRun:
    subject = app_subject("toy", as_subject(RunFolder(run)), sprites()) if with_model else None
    found = stored_run(run, subject)
    assert found is not None
    assert name in found.suites
    return found


WEIGHTS, BUDGETS = "latent-kl-single", "latent-kl-within-linf-single"


def pictures(panel: str) -> list[int]:
    """The number of pictures of each kind: clean ones, and those of the levels."""
    levels = [panel.count(f'class="budget budget-{k} adversarial"') for k in range(9)]
    return [panel.count("<img src="), sum(levels)]


def test_a_slider_has_one_level_per_weight(run: Path) -> None:
    stored = known(run, WEIGHTS)
    assert stored.pairs(WEIGHTS) == [0, 1]
    assert stored.rows(WEIGHTS) == ROWS
    shown = stored.shown(WEIGHTS, 1, "attacks")
    assert shown.name.startswith("Weight λ")
    assert shown.labels == ["λ = 0.000977", "λ = 0.125", "λ = 16"]
    assert pictures(shown.panel) == [2, 3]  # without the model there is no reconstruction
    assert "of the loss is left" in shown.panel
    assert "Objective" in shown.panel


def test_with_the_model_each_picture_has_its_reconstruction(run: Path) -> None:
    shown = known(run, WEIGHTS, with_model=True).shown(WEIGHTS, 0, "attacks")
    assert pictures(shown.panel) == [3, 3]
    assert shown.panel.count('class="budget budget-0 reconstruction"') == 1


def test_matched_budgets_have_reconstructions_without_the_model(run: Path) -> None:
    shown = known(run, WEIGHTS).shown(WEIGHTS, 1, "matched budgets")
    assert shown.labels[:2] == ["ε = 0.05", "ε = 0.1"]
    assert pictures(shown.panel) == [3, len(shown.labels)]
    assert "Gap within a budget" in shown.panel


def test_a_suite_within_budgets_is_labelled_by_them(run: Path) -> None:
    stored = known(run, BUDGETS)
    assert stored.rows(BUDGETS) == ROWS[:1]
    shown = stored.shown(BUDGETS, 0, "attacks")
    assert (shown.name, shown.labels[0]) == ("Budget ε", "ε = 0.01")


def test_the_share_of_the_loss_is_that_of_the_rows(run: Path) -> None:
    stored = known(run, WEIGHTS)
    rows = sorted(
        (row for row in stored.suites[WEIGHTS].attacks if row["pair"] == 0),
        key=lambda row: row["level"],
    )
    found = re.findall(r"<strong>(\d+) %</strong>", stored.shown(WEIGHTS, 0, "attacks").panel)
    assert found == [f"{100 * row['divergence_ratio']:.0f}" for row in rows]


@pytest.mark.parametrize("place", ["", "attacks", f"attacks/{WEIGHTS}"])
def test_a_folder_of_attacks_alone_is_enough(run: Path, place: str, tmp_path: Path) -> None:
    shutil.copytree(run / "attacks", tmp_path / "alone" / "attacks")
    found = stored_run(tmp_path / "alone" / place)
    assert found is not None
    assert list(found.suites) == ([WEIGHTS] if place.endswith("single") else [WEIGHTS, BUDGETS])
    assert pictures(found.shown(WEIGHTS, 0, "attacks").panel) == [2, 3]
    assert found.run.name == "alone"


def test_a_model_that_is_missing_leaves_its_stored_attacks(run: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def opened(target: str) -> tuple[Subject, ImageData | None]:
        raise ArtifactError(f"{target} has no finished model")

    subjects, stored = opened_targets([str(run)], opened, said.append)
    assert (subjects, list(stored)) == ({}, ["toy"])
    assert "its stored attacks are shown" in said[0]
    with pytest.raises(SeatbeltError, match="no finished model"):
        opened_targets([str(tmp_path)], opened, said.append)


def test_a_run_is_attacked_and_its_stored_attacks_are_shown(run: Path) -> None:
    subjects, stored = opened_targets(
        [str(run)], lambda _: (as_subject(RunFolder(run)), sprites()), print
    )
    assert (list(subjects), list(stored)) == (["toy"], ["toy"])
    assert subjects["toy"].target == "toy"
    assert stored["toy"].subject is subjects["toy"]


@pytest.mark.parametrize(
    ("suite", "pair", "kind"),
    [("none", 0, "attacks"), (WEIGHTS, 7, "attacks"), (BUDGETS, 0, "matched budgets")],
)
def test_rows_that_are_not_stored_are_an_error(run: Path, suite: str, pair: int, kind: str) -> None:
    with pytest.raises(ConfigError):
        known(run, WEIGHTS).shown(suite, pair, kind)
