"""The demo at tiny sizes: in parallel, resumed, and with one failing model."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from seatbelt_vae.cli.options import Demo
from seatbelt_vae.config import AttackConfig, DataConfig, EvaluationConfig, ModelConfig
from seatbelt_vae.demo import DEMO, Plan, run_demo
from seatbelt_vae.parallel.worker_pool import JobProgress

TINY = ModelConfig(filters=(4,), features=8, latent_sizes=(3,), hierarchy_widths=(8,))
PLAN = Plan(
    data=DataConfig(name="dsprites"),
    models={
        "vae": replace(TINY, preset="vae"),
        "seatbelt": replace(TINY, preset="seatbelt", latent_sizes=(3, 2)),
    },
    training=replace(DEMO.training, steps=4, batch_size=8),
    attack=AttackConfig(
        pairs=2, weight_count=2, max_evaluations=4, restarts=1, fresh_draws=2, threads=1
    ),
    evaluation=EvaluationConfig(
        images=20,
        iwae_draws=2,
        aggregate_images=50,
        aggregate_queries=10,
        max_chains=8,
        traversals=1,
        threads=1,
    ),
)


def test_the_demo_as_it_ships_is_what_it_says() -> None:
    assert list(DEMO.models) == ["vae", "beta-tcvae", "seatbelt"]
    assert DEMO.steps == 2200 == Demo().steps
    assert DEMO.attack.pairs == 5
    assert DEMO.attack.strength == "strong"
    assert DEMO.with_seed(3, 7).job("vae").run.training.seed == 3
    assert DEMO.with_seed(3, 7).attack.seed == DEMO.with_seed(3, 7).evaluation.seed == 3


def test_a_failing_model_does_not_stop_the_others_and_is_made_up_for(tmp_path: Path) -> None:
    broken = tmp_path / "seatbelt" / "model.json"
    broken.mkdir(parents=True)  # a run cannot be made here
    told: list[JobProgress] = []
    first = run_demo(tmp_path, PLAN, on_progress=told.append)
    assert list(first.failures) == ["seatbelt"]
    assert "exists and is not empty" in first.failures["seatbelt"]
    assert first.runs == [tmp_path / "vae"]
    assert {news.what.split()[0] for news in told} == {
        "getting",
        "training",
        "attacking",
        "measuring",
        "evaluating",
    }

    broken.rmdir()
    told.clear()
    second = run_demo(tmp_path, PLAN, on_progress=told.append)
    assert second.failures == {}
    assert {news.job for news in told} == {"seatbelt"}
    assert second.report == tmp_path / "report.html"

    told.clear()
    second.report.unlink()
    third = run_demo(tmp_path, PLAN, on_progress=told.append)
    assert told == []
    assert third.report is not None
    assert third.report.exists()
    measures = json.loads((tmp_path / "vae" / "evaluation" / "measures.json").read_text())
    assert measures["images"] == 20


def test_a_stop_is_passed_on_and_leaves_resumable_runs(tmp_path: Path) -> None:
    long = replace(PLAN, training=replace(PLAN.training, steps=100_000))

    def interrupt(_news: JobProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path, long, on_progress=interrupt)
    stopped = [(tmp_path / name / "checkpoints" / "latest").exists() for name in PLAN.models]
    assert any(stopped)
    assert not any((tmp_path / name / "model.safetensors").exists() for name in PLAN.models)
