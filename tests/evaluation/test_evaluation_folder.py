"""A run evaluated from end to end: written files against direct calls of the measures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.evaluation.stand_ins import SHAPE, random_images, random_vae
from tests.parallel.test_sole_worker import holding

from seatbelt_vae.config import EvaluationConfig, RunConfig
from seatbelt_vae.config.evaluation import OPTIONAL_METRICS
from seatbelt_vae.data import Factor, ImageData, Split
from seatbelt_vae.errors import ArtifactError, DataError
from seatbelt_vae.evaluation.codes import code_rows
from seatbelt_vae.evaluation.downstream import measure_downstream
from seatbelt_vae.evaluation.evaluation_folder import evaluate
from seatbelt_vae.evaluation.likelihood import measure_images
from seatbelt_vae.evaluation.measures import MODEL_MEASURES
from seatbelt_vae.evaluation.mig import measure_mig
from seatbelt_vae.evaluation.noisy_inputs import denoising
from seatbelt_vae.models import fold_batch_norm, load_model, save_model
from seatbelt_vae.objectives.elbo import ACTIVE
from seatbelt_vae.runs import RunFolder, read_rows, read_tensors

SETTINGS = EvaluationConfig(
    images=7, iwae_draws=4, aggregate_queries=12, max_chains=16, traversals=2, batch_size=20
)


def binary_data() -> ImageData:
    images = (random_images(40, dtype=torch.float32) > 0).float().numpy() * 2 - 1

    def read(indices: np.ndarray) -> np.ndarray:
        return images[indices]

    train, test = Split(np.arange(30), read), Split(np.arange(30, 40), read)
    return ImageData("toy", (-1.0, 1.0), SHAPE, train, test)


def classed_data() -> ImageData:
    """The same data with a class and a constant factor."""
    data = binary_data()
    values = np.stack([np.arange(40) % 3, np.zeros(40, dtype=np.int64)], axis=1)
    train, test = (replace(s, factors_of=values.__getitem__) for s in (data.train, data.test))
    factors = Factor("class", 3), Factor("colour", 1)
    return replace(data, train=train, test=test, factors=factors)


def run_of(path: Path, sizes: tuple[int, ...]) -> RunFolder:
    folder = RunFolder.create(path, RunConfig())
    save_model(random_vae(sizes), folder)
    return folder


@pytest.mark.parametrize("sizes", [(5,), (6, 4, 3)])
def test_a_run_is_evaluated(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    folder, data = run_of(tmp_path / "run", sizes), binary_data()
    stages: set[str] = set()
    measures = evaluate(folder, data, SETTINGS, lambda *told: stages.add(told[0]))
    place = folder.path / "evaluation"
    assert json.loads((place / "measures.json").read_text()) == measures
    assert stages == {"images", "aggregate posterior"}

    sigma = read_rows(place / "sigma.parquet")
    positions = np.array([row["image"] for row in sigma])
    assert len(set(positions.tolist())) == 7
    x = data.test.batch(positions)
    direct = measure_images(random_vae(sizes), x, draws=4)
    assert measures["images"] == 7
    assert measures["elbo"] == pytest.approx(direct.elbo.mean().item(), rel=1e-5)
    assert measures["iwae"] == pytest.approx(direct.iwae.mean().item(), rel=1e-5)
    assert measures["divergences"] == pytest.approx(direct.divergences, rel=1e-3, abs=1e-4)
    assert measures["elbo"] == pytest.approx(
        measures["log_likelihood"] - sum(measures["divergences"])
    )
    assert np.array([row["sigma_norm"] for row in sigma]) == pytest.approx(
        direct.sigma_norm.numpy(), rel=1e-4
    )
    assert measures["sigma_norm"]["quantiles"][2] == pytest.approx(
        np.median([row["sigma_norm"] for row in sigma], axis=0)
    )
    assert 0 <= measures["iou"] <= 1

    units = read_rows(place / "units.parquet")
    assert [(row["layer"], row["unit"]) for row in units] == [
        (layer, unit) for layer, size in enumerate(sizes, start=1) for unit in range(size)
    ]
    active = [sum(r["active"] for r in units if r["layer"] == 1 + i) for i in range(len(sizes))]
    assert active == measures["active_units"]
    threshold = ACTIVE + (0.125 if len(sizes) > 1 else 0)  # the default free bits
    assert measures["active_threshold"] == threshold
    assert all(row["active"] == (row["divergence"] > threshold) for row in units)

    pictures = read_tensors(place / "pictures.safetensors")
    assert torch.equal(pictures["x"], x)
    shown = sum(min(5, size) for size in sizes)
    assert pictures["traversals"].shape == (2, shown, 9, *SHAPE)

    for name in ("total_correlation", "mutual_information"):
        found = measures[name]
        assert found["images"] == 30
        assert found["lower"] <= found["upper"]
        assert (found["lower"] == found["upper"]) == (len(sizes) == 1)


def test_same_seed_same_numbers(tmp_path: Path) -> None:
    folder, data = run_of(tmp_path / "run", (4, 3)), binary_data()
    assert evaluate(folder, data, SETTINGS) == evaluate(folder, data, SETTINGS)


def test_a_subset_of_the_training_split_is_recorded(tmp_path: Path) -> None:
    settings = EvaluationConfig(
        images=3, iwae_draws=2, aggregate_images=9, aggregate_queries=5, max_chains=8
    )
    measures = evaluate(run_of(tmp_path / "run", (3,)), binary_data(), settings)
    assert measures["total_correlation"]["images"] == 9
    assert measures["images"] == 3


FURTHER = replace(
    SETTINGS,
    optional_metrics=OPTIONAL_METRICS,
    downstream_images=2,
    downstream_evaluations=3,
    downstream_strengths=("single", "paper"),
)


@pytest.mark.parametrize("sizes", [(5,), (6, 4, 3)])
def test_optional_measures_write_rows(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    folder, data = run_of(tmp_path / "run", sizes), classed_data()
    stages: set[str] = set()
    measures = evaluate(folder, data, FURTHER, lambda *told: stages.add(told[0]))
    assert stages >= {"mutual information gap", "downstream classifiers", "codes"}
    place = folder.path / "evaluation"
    assert json.loads((place / "measures.json").read_text()) == measures
    positions = np.array([row["image"] for row in read_rows(place / "sigma.parquet")])
    model = fold_batch_norm(load_model(folder))

    rows = read_rows(place / "denoising.parquet")
    assert [row["sigma"] for row in rows] == [s for s in (0, 0.1, 0.5, 1) for _ in range(7)]
    assert [row["image"] for row in rows] == positions.tolist() * 4
    found = denoising(model, data.test.batch(positions), (0, 0.1, 0.5, 1), batch=20)
    assert [row["log_likelihood"] for row in rows] == found.log_likelihood.flatten().tolist()
    assert measures["denoising"]["0.5"] == pytest.approx(found.mean[2].item())

    (row,) = read_rows(place / "mig.parquet")
    (gap,) = measure_mig(model, data, FURTHER)
    assert row == vars(gap)
    assert (row["factor"], measures["mig"], measures["mig_images"]) == ("class", gap.mig, 30)

    expected, summary = measure_downstream(model, data, positions, FURTHER)
    columns = dict.fromkeys(name for row in expected for name in row)
    filled = [{name: row.get(name) for name in columns} for row in expected]
    assert read_rows(place / "downstream.parquet") == filled
    assert measures["downstream"] == summary
    assert read_rows(place / "codes.parquet") == code_rows(model, data, positions, FURTHER)


def test_optional_measures_are_computed_only_if_named(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", (3,))
    measures = evaluate(
        folder, classed_data(), replace(SETTINGS, optional_metrics=("codes", "mig", "mig"))
    )
    files = {path.stem for path in (folder.path / "evaluation").glob("*.parquet")}
    assert files == {"units", "sigma", "codes", "mig"}
    assert not {"denoising", "downstream"} & measures.keys()
    # rows of an earlier evaluation with other settings are removed
    evaluate(folder, classed_data(), replace(SETTINGS, optional_metrics=("codes",)))
    assert {path.stem for path in (folder.path / "evaluation").glob("*.parquet")} == {
        *("units", "sigma", "codes")
    }


def test_the_mean_gap_is_over_factors_that_vary(tmp_path: Path) -> None:
    data = classed_data()
    values = np.stack([np.arange(40) % 3, np.arange(40) // 20, 0 * np.arange(40)], axis=1)
    train = replace(data.train, factors_of=values.__getitem__)
    factors = (*data.factors[:1], Factor("half", 2), *data.factors[1:])
    data = replace(data, train=train, factors=factors)
    folder = run_of(tmp_path / "run", (3,))
    measures = evaluate(folder, data, replace(SETTINGS, optional_metrics=("mig",)))
    rows = read_rows(folder.path / "evaluation" / "mig.parquet")
    assert [row["factor"] for row in rows] == ["class", "half"]
    assert measures["mig"] == pytest.approx((rows[0]["mig"] + rows[1]["mig"]) / 2)


def contents(folder: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder.path / "evaluation").iterdir()}


def test_an_interrupted_evaluation_keeps_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_task: object) -> None:
        raise KeyboardInterrupt

    folder = run_of(tmp_path / "run", (3,))
    evaluate(folder, classed_data(), replace(SETTINGS, optional_metrics=("mig",)))
    before = contents(folder)
    monkeypatch.setitem(MODEL_MEASURES, "codes", replace(MODEL_MEASURES["codes"], compute=stop))
    with pytest.raises(KeyboardInterrupt):
        evaluate(
            folder,
            classed_data(),
            replace(SETTINGS, seed=1, optional_metrics=("denoising", "codes")),
        )
    assert contents(folder) == before


def test_a_second_evaluation_is_told_of_the_first(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", (3,))
    with holding(folder.path, "evaluating") as first:
        with pytest.raises(ArtifactError, match=f"is evaluating .*: process {first.pid} on "):
            evaluate(folder, binary_data(), SETTINGS)
        assert not (folder.path / "evaluation").exists()
        first.communicate("")
    evaluate(folder, binary_data(), SETTINGS)


def test_rows_of_two_evaluations_have_no_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_content: object) -> None:
        raise OSError("disk full")

    folder = run_of(tmp_path / "run", (3,))
    evaluate(folder, classed_data(), SETTINGS)
    monkeypatch.setattr("seatbelt_vae.evaluation.evaluation_folder.write_tensors", full)
    with pytest.raises(OSError, match="disk full"):
        evaluate(folder, classed_data(), replace(SETTINGS, seed=1))
    assert not {"measures.json", "config.toml"} & contents(folder).keys()


@pytest.mark.parametrize("name", ["mig", "downstream"])
def test_missing_factors_are_refused_before_any_measure(tmp_path: Path, name: str) -> None:
    folder, stages = run_of(tmp_path / "run", (3,)), []
    with pytest.raises(DataError, match=f"leave {name} out"):
        evaluate(
            folder,
            binary_data(),
            replace(SETTINGS, optional_metrics=(name,)),
            lambda *told: stages.append(told),
        )
    assert stages == []
    assert not (folder.path / "evaluation").exists()


def test_a_test_split_of_one_class_is_refused(tmp_path: Path) -> None:
    data = classed_data()
    alike = np.stack([np.arange(40) // 30, np.arange(40) // 40], axis=1)  # test class 1 only
    data = replace(data, test=replace(data.test, factors_of=alike.__getitem__))
    stages: list[object] = []
    with pytest.raises(DataError, match="no two images of the test split of 'toy' differ"):
        evaluate(run_of(tmp_path / "run", (3,)), data, FURTHER, lambda *told: stages.append(told))
    assert stages == []
