"""The folder of a measured suite: files, comparisons, and refused folders."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.evaluation.stand_ins import (
    SHAPE,
    LinearAutoencoder,
    attack_rows,
    identity_autoencoder,
    random_images,
    random_linear,
    random_vae,
)

from seatbelt_vae.attacks import run_suite
from seatbelt_vae.config import AttackConfig, RunConfig, dump_toml
from seatbelt_vae.data import ImageData, Split
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.evaluation.suite_measures import compare_suites, measure_suite
from seatbelt_vae.models import load_model, save_model
from seatbelt_vae.runs import RunFolder, read_rows, read_tensors, write_rows, write_tensors

ROWS = 3
STRONG = AttackConfig(fresh_draws=4)
# no budgeted attacks are added to it
PUBLISHED = AttackConfig(strength="paper", fresh_draws=4)


def make_suite(
    folder: Path, pairs: int = 11, delta: float = 4.0, config: AttackConfig = STRONG
) -> Path:
    """Files of an attack, with random images as adversarial inputs."""
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(dump_toml(config))
    for pair in range(pairs):
        x, target, other = random_images(3, seed=pair)
        star = torch.stack([x, x + 0.4 * (target - x), 0.5 * (x + other)])
        tensors = {"x": x, "target": target, "adversarial": star}
        write_tensors(folder / f"pair-{pair:05d}.safetensors", tensors)
        rows = attack_rows(pair, ROWS, delta=delta * (1 + pair))
        write_rows(folder / f"pair-{pair:05d}.parquet", rows)
    return folder


def test_files_rows_and_pictures_of_a_suite(tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "latent-kl-strong")
    (folder / "flags.json").write_text(json.dumps([{"name": "not converged", "raised": True}]))
    progress: list[tuple[int, int]] = []
    summary = measure_suite(
        folder, identity_autoencoder(), on_progress=lambda *p: progress.append(p)
    )
    assert progress[-1] == (11, 11)
    assert json.loads((folder / "summary.json").read_text()) == summary
    assert summary["flags"][0] == {"name": "not converged", "raised": True}
    measured = [flag["name"] for flag in summary["flags"][1:]]
    assert measured == ["paths differ", "gap not converged", "pairs not told apart"]
    assert json.loads((folder / "flags.json").read_text()) == summary["flags"]

    rows = read_rows(folder / "measures")
    attacks = [row for path in sorted(folder.glob("pair-*.parquet")) for row in read_rows(path)]
    assert [(r["pair"], r["level"]) for r in rows] == [(r["pair"], r["level"]) for r in attacks]

    budgets = read_rows(folder / "budgets")
    parts = [read_tensors(path) for path in sorted(folder.glob("budgets/*.safetensors"))]
    pictures = {name: torch.stack([part[name] for part in parts]) for name in parts[0]}
    assert pictures["adversarial"].shape == pictures["reconstruction"].shape == (11, 5, *SHAPE)
    for row in budgets:
        index = (row["pair"], [0.05, 0.1, 0.2, 0.3, 0.5].index(row["epsilon"]))
        x, target = pictures["x"][index[0]], pictures["target"][index[0]]
        shown = pictures["adversarial"][index]
        assert (shown - x).norm() / (target - x).norm() == pytest.approx(row["distance_relative"])
        gap = (pictures["reconstruction"][index] - target).norm() / (x - target).norm()
        assert gap.item() == pytest.approx(row["gap"])
    gap = summary["measures"]["gap@0.3"]
    assert gap["value"] == pytest.approx(0.7)
    assert gap["n"] == 11
    assert gap["low"] == pytest.approx(0.7)
    assert len(read_rows(folder / "pairs")) == 11


def test_a_suite_as_an_attack_leaves_it(tmp_path: Path) -> None:
    images = random_images(8, dtype=torch.float32).numpy()

    def read(indices: np.ndarray) -> np.ndarray:
        return images[indices]

    split = Split(np.arange(8), read)
    data = ImageData("toy", (-1.0, 1.0), SHAPE, split, split)
    run = RunFolder.create(tmp_path / "run", RunConfig())
    save_model(random_vae((5,)), run)
    config = AttackConfig(pairs=2, weight_count=4, restarts=1, max_evaluations=20, fresh_draws=4)
    folder = run_suite(run, data, config)
    summary = measure_suite(folder, load_model(run))
    assert summary["pairs"] == 2
    assert [flag["name"] for flag in summary["flags"]]
    assert summary["measures"]["delta_over_bound"]["value"] <= 1.001
    stored = {
        (row["pair"], row["level"]): row["distance_relative"]
        for path in folder.glob("pair-*.parquet")
        for row in read_rows(path)
    }
    for row in read_rows(folder / "measures"):
        expected = stored[row["pair"], row["level"]]
        assert row["distance_relative"] == pytest.approx(expected, rel=1e-5, abs=1e-9)
    flags = json.loads((folder / "flags.json").read_text())
    assert flags == summary["flags"]
    assert run_suite(run, data, config) == folder  # measured suites still resume
    assert json.loads((folder / "flags.json").read_text()) == flags
    assert summary["gap_is"].endswith("the blend, budgeted attacks")


def test_the_summary_names_the_candidates_of_a_published_attack(tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "b", pairs=1, config=PUBLISHED)
    summary = measure_suite(folder, identity_autoencoder())
    assert summary["gap_is"].endswith("the same shortened, the blend")
    # a suite interrupted before its flags has those of the measures
    assert [flag["name"] for flag in summary["flags"]] == [
        "paths differ",
        "gap not converged",
        "pairs not told apart",
    ]


@pytest.mark.parametrize("together", [1, 2])
def test_measuring_twice_gives_the_same_bytes(tmp_path: Path, together: int) -> None:
    config = replace(STRONG, together=together)
    folder = make_suite(tmp_path / "b", pairs=2, config=config)
    measure_suite(folder, random_linear())
    kinds = ("summary.json", "measures/*", "budgets/*", "pairs/*")
    paths = sorted(path for kind in kinds for path in folder.glob(kind))
    assert len(paths) == 1 + 2 * 4
    before = [path.read_bytes() for path in paths]
    measure_suite(folder, random_linear())
    assert [path.read_bytes() for path in paths] == before
    (folder / "budgets" / "pair-00001.safetensors").unlink()
    (folder / "pairs" / "pair-00000.parquet").unlink()
    measure_suite(folder, random_linear())
    assert [path.read_bytes() for path in paths] == before


def test_pairs_that_are_measured_together_have_the_measures_of_each_alone(tmp_path: Path) -> None:
    progress: list[int] = []
    folders = [
        make_suite(tmp_path / f"{n}", pairs=5, config=replace(STRONG, together=n)) for n in (1, 2)
    ]
    for folder in folders:
        progress.clear()
        measure_suite(folder, random_linear(), on_progress=lambda done, _: progress.append(done))
    assert progress == [2, 4, 5]
    # which of several images with gap 0 is the best is left to rounding, and so is its distance
    names = ("gap", "gap_sampled", "blend_gap", "gap_of_rows", "nll_target", "gap@0.2", "delta")
    for kind in ("measures", "budgets", "pairs"):
        alone, together = (
            [row[name] for row in read_rows(folder / kind) for name in names if name in row]
            for folder in folders
        )
        assert len(alone) >= 10
        assert together == pytest.approx(alone, rel=1e-4, abs=1e-6)


def test_a_collapsed_model_is_summarised_without_gaps(tmp_path: Path) -> None:
    model = random_linear()
    deaf = LinearAutoencoder(model.encoder * 0, model.decoder)
    summary = measure_suite(make_suite(tmp_path / "b", pairs=2), deaf)
    assert summary["pairs_told_apart"] == 0
    assert summary["measures"]["gap@0.1"]["value"] is None
    assert summary["measures"]["auddc"]["value"] is None
    assert summary["measures"]["reconstruction_error"]["value"] == pytest.approx(1)


def test_paired_comparison_of_two_suites(tmp_path: Path) -> None:
    first = make_suite(tmp_path / "a", config=PUBLISHED)
    second = make_suite(tmp_path / "b", pairs=10, delta=2.0, config=PUBLISHED)
    measure_suite(first, identity_autoencoder())
    measure_suite(second, identity_autoencoder())
    ratio = compare_suites(first, second, "delta")
    assert (ratio.value, ratio.low, ratio.n) == pytest.approx((2, 2, 10))
    assert compare_suites(first, second, "gap@0.2").value == pytest.approx(0)
    with pytest.raises(ConfigError, match=r"unknown measure 'gap@0\.4': perhaps you meant"):
        compare_suites(first, second, "gap@0.4")


def test_a_comparison_leaves_out_pairs_that_either_model_cannot_tell_apart(tmp_path: Path) -> None:
    folders = [make_suite(tmp_path / name, pairs=3) for name in ("a", "b")]
    for blind, folder in enumerate(folders):
        measure_suite(folder, identity_autoencoder())
        part = folder / "pairs" / f"pair-{blind:05d}.parquet"
        write_rows(part, [read_rows(part)[0] | {"told_apart": False, "gap@0.2": None}])
    assert compare_suites(*folders, "gap@0.2").n == 1
    assert compare_suites(*folders, "delta").n == 3


def test_suites_without_common_pairs_are_refused(tmp_path: Path) -> None:
    folders = []
    for start, name in ((0, "a"), (5, "b")):
        folders.append(make_suite(tmp_path / name, pairs=1))
        rows = [r | {"input_index": start} for r in read_rows(folders[-1] / "pair-00000.parquet")]
        write_rows(folders[-1] / "pair-00000.parquet", rows)
        measure_suite(folders[-1], identity_autoencoder())
    with pytest.raises(ArtifactError, match="share no pair"):
        compare_suites(*folders, "delta")


def test_incomplete_suites_are_refused(tmp_path: Path) -> None:
    empty = make_suite(tmp_path / "a", pairs=0)
    with pytest.raises(ArtifactError, match="no attacked pairs"):
        measure_suite(empty, identity_autoencoder())
    lacking = make_suite(tmp_path / "b", pairs=1)
    write_tensors(lacking / "pair-00000.safetensors", {"x": torch.zeros(SHAPE)})
    with pytest.raises(ArtifactError, match="lacks 'target'"):
        measure_suite(lacking, identity_autoencoder())
    garbled = make_suite(tmp_path / "c", pairs=1)
    (garbled / "flags.json").write_text("{")
    with pytest.raises(ArtifactError, match="not valid JSON"):
        measure_suite(garbled, identity_autoencoder())
    assert not (garbled / "summary.json").exists()
