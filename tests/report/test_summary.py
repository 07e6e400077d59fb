"""The summary: verdicts, plain sentences, trust, and no claim beyond the intervals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.evaluation.suite_summary import summarise
from seatbelt_vae.report import collect, comparison, summary_rows
from seatbelt_vae.runs import read_rows, write_json, write_rows
from tests.report.synthetic import KINDS, Row, write_suite, write_trained

SUITE = "attacks/latent-kl-strong"


def with_gaps(path: Path, kind: str, gaps: list[float]) -> Path:
    """A run whose gap at ε = 0.2 is given pair by pair."""
    folder = write_trained(path, KINDS[kind])
    place = write_suite(folder, KINDS[kind], len(gaps))
    change(place, lambda row: {"gap@0.2": gaps[row["pair"]]})
    return path


def change(place: Path, new: Callable[[Row], Row]) -> None:
    rows: list[Row] = [row | new(row) for row in read_rows(place / "pairs")]
    for row in rows:
        write_rows(place / "pairs" / f"pair-{row['pair']:05d}.parquet", [row])
    write_json(place / "summary.json", summarise(rows))


@pytest.mark.parametrize(
    ("gap", "verdict"),
    [
        (0.1, "fooled"),
        (0.5, "fooled"),
        (0.51, "partly fooled"),
        (0.75, "partly fooled"),
        (0.76, "not fooled"),
        (1.2, "not fooled"),
    ],
)
def test_the_verdict_follows_the_way_to_the_target(
    tmp_path: Path, gap: float, verdict: str
) -> None:
    (row,) = summary_rows(collect([with_gaps(tmp_path / "run", "vae", [gap, gap])]))
    assert row["verdict"] == verdict
    assert row["moved"] == pytest.approx(1 - gap)
    assert row["points"] == [gap, gap]
    assert row["sentence"].startswith("with a distortion 20\u00a0% as large as the difference")
    way = f"{round(100 * (1 - gap))}\u00a0%".replace("-", "−")
    assert f"moves {way} of the way to the target" in row["sentence"]


def test_half_the_way_is_where_the_mean_curve_crosses_one_half(demo: list[Path]) -> None:
    for run, row in zip(collect(demo), summary_rows(collect(demo)), strict=True):
        measured = run.suites["latent-kl-strong"].measured
        assert measured is not None
        budgets = [0.0, 0.05, 0.1, 0.2, 0.3, 0.5]
        gaps = [1.0] + [measured.estimate(f"gap@{e:g}")["value"] for e in budgets[1:]]
        assert np.interp(row["halfway"], budgets, gaps) == pytest.approx(0.5)


def test_half_the_way_out_of_reach_is_none(tmp_path: Path) -> None:
    path = with_gaps(tmp_path / "run", "vae", [0.9, 0.9])
    change(path / SUITE, lambda _: {f"gap@{e:g}": 0.9 for e in (0.05, 0.1, 0.2, 0.3, 0.5)})
    assert summary_rows(collect([path]))[0]["halfway"] is None


def test_few_pairs_are_not_ranked(demo: list[Path]) -> None:
    sentences = comparison(collect(demo))
    assert sentences[0].startswith("By a distortion of 20\u00a0%, vae (")
    assert "is partly fooled. Half the way needs a distortion of 29\u00a0% for " in sentences[0]
    assert "5 pairs: too few for intervals" in sentences[1]
    assert sentences[2] == "Unreliable, flags are raised: beta-tcvae (not converged)."
    assert sentences[3].startswith("Each model was trained with one seed")


def test_many_pairs_and_a_clear_lead_name_the_hardest_to_fool(large_demo: list[Path]) -> None:
    ranking = comparison(collect(large_demo))[1]
    assert ranking.startswith("seatbelt is the hardest to fool: ")
    assert "points less of the way than vae" in ranking
    assert "points less of the way than beta-tcvae" in ranking


def test_one_verdict_for_all_is_one_sentence(tmp_path: Path) -> None:
    soft = runs_with(tmp_path / "soft", vae=[0.2] * 3, seatbelt=[0.4] * 3)
    assert soft[0] == (
        "All models are fooled by a distortion of 20\u00a0%: "
        "vae (80\u00a0%), seatbelt (60\u00a0%) of the way to the target."
    )
    hard = runs_with(tmp_path / "hard", vae=[0.9] * 3, seatbelt=[0.9] * 3)
    assert hard[0].startswith("No model is fooled by a distortion of 20\u00a0%: vae (10\u00a0%), ")


def test_a_model_without_attacks_is_left_out(tmp_path: Path) -> None:
    paths = [with_gaps(tmp_path / name, "vae", [0.9] * 3) for name in "ab"]
    paths.append(write_trained(tmp_path / "c", KINDS["vae"]).path)
    assert comparison(collect(paths))[0].startswith("No attacked model is fooled by")


def runs_with(tmp_path: Path, **gaps: list[float]) -> list[str]:
    paths = [with_gaps(tmp_path / name, name, values) for name, values in gaps.items()]
    return comparison(collect(paths))


def test_differences_within_the_interval_are_no_ranking(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 12))
    sentences = runs_with(tmp_path, vae=list(0.5 + noise[0]), seatbelt=list(0.51 + noise[1]))
    assert sentences[1] == "The 95\u00a0% intervals do not show any model to be the most robust."


def test_a_lead_over_some_models_is_no_ranking(tmp_path: Path) -> None:
    paths = [
        with_gaps(tmp_path / "a", "vae", [0.2] * 12),
        with_gaps(tmp_path / "b", "seatbelt", [0.6, 0.7] * 6),
        with_gaps(tmp_path / "c", "beta-tcvae", [0.7, 0.59] * 6),
    ]
    ranking = comparison(collect(paths))[1]
    assert ranking.startswith(
        "No single model is the most robust: b moves 42 to 48 percentage points"
    )
    assert "less of the way than a" not in ranking.split("but")[1]
    assert "its difference from c may be zero" in ranking


def test_other_pairs_are_not_compared(tmp_path: Path) -> None:
    paths = [with_gaps(tmp_path / n, "vae", [g] * 12) for n, g in (("a", 0.2), ("b", 0.9))]
    change(paths[0] / SUITE, lambda row: {"input_index": row["input_index"] + 1})
    assert "different pairs of images" in comparison(collect(paths))[1]


def test_no_measurements_give_no_answer(tmp_path: Path) -> None:
    path = write_trained(tmp_path / "run", KINDS["vae"]).path
    assert "no answer" in comparison(collect([path]))[0]
    (row,) = summary_rows(collect([path]))
    assert (row["verdict"], row["moved"], row["trust"]["verdict"]) == ("unknown", None, "none")


def test_a_weak_attack_is_not_believable(tmp_path: Path) -> None:
    folder = write_trained(tmp_path / "run", KINDS["vae"])
    write_suite(folder, KINDS["vae"], 2, AttackConfig(strength="paper"))
    trust: dict[str, Any] = summary_rows(collect([folder.path]))[0]["trust"]
    assert trust == {"verdict": "weak", "text": "weak attack: strength paper", "flags": []}
