"""Scores: the summaries' numbers, fronts and differences found by other means, fair groups."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.evaluation import compare_suites
from seatbelt_vae.report.comparable import ComparisonKind, by_kind, titles
from seatbelt_vae.report.scores import ROBUSTNESS, Comparison, Group, compare_runs
from seatbelt_vae.results import Store
from seatbelt_vae.runs import read_json, write_json
from tests.report.placed import PLACE, SUITE, change_pairs, model
from tests.report.synthetic import KINDS, write_evaluation, write_suite, write_trained


def compared(*folders: Path, **options: Any) -> Comparison:
    return compare_runs(Store.open(list(folders)), **options)


def only_group(found: Comparison) -> Group:
    (group,) = found.groups
    return group


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five models: a trade-off of three, one below it, one above it that is flagged."""
    root = tmp_path_factory.mktemp("five")
    spread = np.random.default_rng(0).normal(0, 0.02, (5, 12))
    places = {"sharp": (-80, 0.2), "middle": (-90, 0.4), "hard": (-110, 0.6), "poor": (-100, 0.3)}
    for row, (name, (elbo, gap)) in zip(spread, places.items(), strict=False):
        model(root / name, elbo, list(gap + row))
    model(root / "flagged", -85, list(0.5 + spread[4]), ["not converged"])
    return root


def test_robustness_is_that_of_the_summary(large_demo: list[Path]) -> None:
    for score in only_group(compared(*large_demo)).scores:
        folder = next(path for path in large_demo if path.name == score.run)
        stored = read_json(folder / PLACE / "summary.json")["measures"]
        for measure in ROBUSTNESS:
            found = score.robustness[measure]
            names = ("value", "low", "high", "n")
            assert [getattr(found, n) for n in names] == [stored[measure][n] for n in names]
            assert found.low is not None
        assert score.elbo == read_json(folder / "evaluation" / "measures.json")["elbo"]


def test_differences_are_paired_and_against_the_hardest_to_fool_without_flags(
    five: Path,
) -> None:
    group = only_group(compared(five))
    assert group.reference == "hard"
    for score in group.scores:
        for measure in ROBUSTNESS:
            found = score.difference[measure]
            if score.run == "hard":
                assert found is None
            else:
                assert found == compare_suites(
                    five / score.run / PLACE, five / "hard" / PLACE, measure
                )
                assert found is not None
                assert found.value == pytest.approx(
                    (score.robustness[measure].value or 0)
                    - group.scores[0].robustness[measure].value
                )


def test_the_requested_run_is_the_reference(five: Path) -> None:
    group = only_group(compared(five, against="flagged"))
    assert group.reference == "flagged"
    assert {s.run for s in group.scores if s.difference["gap@0.2"] is None} == {"flagged"}


def test_the_front_with_and_without_flagged_models(five: Path) -> None:
    scores = only_group(compared(five)).scores
    assert [score.run for score in scores] == ["hard", "flagged", "middle", "poor", "sharp"]
    for measure in ROBUSTNESS:
        assert {s.run for s in scores if s.on_front[measure]} == {"hard", "flagged", "sharp"}
        assert {s.run for s in scores if s.on_unflagged_front[measure]} == {
            "hard",
            "middle",
            "sharp",
        }
    assert [score.run for score in scores if score.flagged] == ["flagged"]


def test_pairs_not_told_apart_count_for_neither(tmp_path: Path) -> None:
    paths = [model(tmp_path / name, -90, [gap] * 12) for name, gap in (("a", 0.5), ("b", 0.3))]
    change_pairs(
        paths[0] / PLACE,
        lambda row: {"told_apart": row["pair"] > 2, "gap@0.2": 9.0 if row["pair"] <= 2 else 0.5},
    )
    (a, b) = only_group(compared(*paths)).scores
    assert (a.robustness["gap@0.2"].value, a.robustness["gap@0.2"].n) == (0.5, 9)
    assert b.difference["gap@0.2"] is not None
    assert (b.difference["gap@0.2"].value, b.difference["gap@0.2"].n) == (pytest.approx(-0.2), 9)


def test_models_attacked_on_other_pairs_are_not_subtracted(tmp_path: Path) -> None:
    paths = [model(tmp_path / name, -90, [gap] * 3) for name, gap in (("a", 0.5), ("b", 0.3))]
    change_pairs(paths[1] / PLACE, lambda row: {"input_index": row["input_index"] + 1})
    assert only_group(compared(*paths)).scores[1].difference == dict.fromkeys(ROBUSTNESS)


def test_models_without_results_list_the_missing_steps(tmp_path: Path) -> None:
    model(tmp_path / "whole", -90, [0.5])
    model(tmp_path / "dark", None, [0.5])
    model(tmp_path / "nan", float("nan"), [0.5])
    blind = model(tmp_path / "blind", -90, [0.5])
    change_pairs(blind / PLACE, lambda _: {"told_apart": False, "told_apart_distortion": False})
    bare = write_trained(tmp_path / "bare", KINDS["vae"])
    write_evaluation(bare, KINDS["vae"])
    begun = write_trained(tmp_path / "begun", KINDS["vae"])
    for name in ("model.safetensors", "model.json"):
        (begun.path / name).unlink()
    group = only_group(compared(tmp_path))
    assert [score.run for score in group.scores] == ["whole"]
    assert group.reference is None
    assert dict(group.lacking) == {
        "bare": "not attacked and measured with this suite yet",
        "begun": "not trained to the end",
        "blind": "reconstructs the images of every pair alike, so robustness is undefined",
        "dark": "not evaluated yet",
        "nan": "not evaluated yet",
    }


def test_data_sets_and_likelihoods_form_groups(tmp_path: Path) -> None:
    changes = {
        "a": ("x", "x"),
        "b": ("x", "x"),
        "bernoulli": ('"gaussian"', '"bernoulli"'),
        "wider": ("variance = 0.1", "variance = 0.5"),
        "chairs": ('"dsprites"', '"chairs"'),
        "mine": ('"dsprites"', '"folder"\nroot = "/data/mine"'),
        "yours": ('"dsprites"', '"folder"\nroot = "/data/yours"'),
        "hub": ('"dsprites"', '"hf:/data/someone/faces"'),
    }
    for name, (old, new) in changes.items():
        config = model(tmp_path / name, -90, [0.5, 0.6]) / "config.toml"
        config.write_text(config.read_text().replace(old, new))
    groups = compared(tmp_path).groups
    assert [[score.run for score in group.scores] for group in groups] == [
        ["a", "b"],
        *([name] for name in ["bernoulli", "chairs", "hub", "mine", "wider", "yours"]),
    ]
    shown = [group.title for group in groups]
    assert len(set(shown)) == len(shown)
    assert shown[:4] == [
        "dsprites, 64×64, Gaussian likelihood, σ² = 0.1",
        "dsprites, 64×64, Bernoulli likelihood",
        "chairs, 64×64, Gaussian likelihood, σ² = 0.1",
        "hf:faces, 64×64, Gaussian likelihood, σ² = 0.1",
    ]
    assert "/data" not in str(shown)


def test_an_untrained_run_joins_the_group_of_its_settings() -> None:
    same = {"data": "chairs", "data_place": None, "likelihood": "bernoulli", "variance": None}
    runs = [
        {**same, "run": "later", "image_shape": None},
        {**same, "run": "first", "image_shape": [3, 32, 48]},
        {**same, "run": "alone", "data": "mnist", "image_shape": None},
    ]
    groups = by_kind(runs)
    assert [[run["run"] for run in group] for group in groups.values()] == [
        ["first", "later"],
        ["alone"],
    ]
    assert titles(list(groups)) == [
        "chairs, 32×48 RGB, Bernoulli likelihood",
        "mnist, Bernoulli likelihood",
    ]
    assert ComparisonKind.of(runs[0]) == ComparisonKind("chairs", None, "bernoulli", None, None)


def test_images_read_with_other_levels_are_not_compared() -> None:
    same = {"data": "x", "data_place": None, "likelihood": "bernoulli", "variance": None}
    levels = {"black": 0.0, "white": 4095.0, "background": None}
    runs = [{**same, "run": "a", "image_shape": [1, 8, 8], **more} for more in ({}, levels)]
    assert titles(list(by_kind(runs))) == [
        "x, 8×8, Bernoulli likelihood",
        "x, 8×8, black 0.0, white 4095.0, Bernoulli likelihood",
    ]


def test_different_effort_is_a_caveat(tmp_path: Path) -> None:
    for name in "abc":
        model(tmp_path / name, -90, [0.5, 0.6])
    config = tmp_path / "b" / PLACE / "config.toml"
    config.write_text(config.read_text().replace("max_evaluations = 500", "max_evaluations = 20"))
    path = tmp_path / "c" / "evaluation" / "measures.json"
    write_json(path, read_json(path) | {"images": 9})
    assert only_group(compared(tmp_path)).caveats == [
        "Attacked with different max_evaluations: 500 (a, c), 20 (b). A weaker attack makes a "
        "model look harder to fool.",
        "ELBOs over different numbers of test images: 500 (a, b), 9 (c).",
    ]


def test_the_suite_of_most_models_is_the_default(tmp_path: Path) -> None:
    for name in "ab":
        model(tmp_path / name, -90, [0.5, 0.6])
    only_paper = write_trained(tmp_path / "c", KINDS["vae"])
    write_suite(only_paper, KINDS["vae"], 1, AttackConfig(strength="paper", pairs=1))
    write_evaluation(only_paper, KINDS["vae"])
    found = compared(tmp_path)
    assert found.suite == SUITE
    assert [score.run for score in only_group(found).scores] == ["a", "b"]
    (score,) = only_group(compared(tmp_path, suite="latent-kl-paper")).scores
    assert (score.run, score.trust["text"]) == ("c", "weak attack: strength paper")
    with pytest.raises(ConfigError, match="unknown suite 'paper'"):
        compared(tmp_path, suite="paper")
    with pytest.raises(ConfigError, match="unknown run 'aa': perhaps"):
        compared(tmp_path, against="aa")


def test_an_unfinished_suite_is_not_called_believable(tmp_path: Path) -> None:
    model(tmp_path / "a", -90, [0.5, 0.6])
    (tmp_path / "a" / PLACE / "flags.json").unlink()
    (score,) = only_group(compared(tmp_path)).scores
    assert score.trust["verdict"] == "unchecked"
    assert not score.flagged


def test_an_exported_store_compares_alike(five: Path, tmp_path: Path) -> None:
    Store.open([five]).export(tmp_path / "out")
    found, again = compared(five), compared(tmp_path / "out")
    assert again == found
