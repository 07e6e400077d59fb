"""The demo at tiny sizes: in parallel, resumed, and with one failing model."""

import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from seatbelt_vae.cli import main
from seatbelt_vae.cli.options import Demo
from seatbelt_vae.config import AttackConfig, DataConfig, EvaluationConfig, ModelConfig
from seatbelt_vae.demo import DEMO, Plan, run_demo
from seatbelt_vae.demo.quick_demo import FACES
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


def test_the_quick_demo_draws_two_models_and_states_how_far_they_were_moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--quick", "--out", str(tmp_path), "--quiet"]) == 0
    sentence = capsys.readouterr().out
    shares = [int(share) for share in re.findall(r"VAE (\d+) %", sentence)]
    # audits of 20 other pairs with strong attacks: 40 % and 20 %
    assert shares == [pytest.approx(36, abs=6), pytest.approx(16, abs=6)]
    assert f"picture: {tmp_path / 'quick.png'}" in sentence
    with Image.open(tmp_path / "quick.png") as picture:
        assert picture.format == "PNG"


def test_the_faces_of_the_quick_demo_are_held_out_ones_with_their_licence() -> None:
    tutorials = Path(__file__).parents[2] / "docs" / "tutorials" / "faces.zip"
    with zipfile.ZipFile(FACES) as few, zipfile.ZipFile(tutorials) as every:
        *names, licence = few.namelist()
        assert names == every.namelist()[:8]
        assert [few.read(name) for name in names] == [every.read(name) for name in names]
        assert "MIT License\n\nCopyright (c) 2020 USC Institute" in few.read(licence).decode()
