"""Metrics: parts written with checkpoints; parts after the checkpoint are deleted."""

from seatbelt_vae.runs import read_rows
from seatbelt_vae.training.metrics import Metrics


def test_parts_after_the_step_resumed_from_are_dropped(tmp_path):
    first = Metrics(tmp_path, 0)
    for step in range(1, 10):
        first.add(step, "train", elbo=-float(step))
        if step % 3 == 0:
            first.flush(step)
    second = Metrics(tmp_path, 6)
    for step in range(7, 9):
        second.add(step, "train", elbo=-float(step))
    second.flush(8)
    assert [row["step"] for row in read_rows(tmp_path)] == list(range(1, 9))
    assert [row["elbo"] for row in read_rows(tmp_path)] == [-step for step in range(1, 9)]


def test_nothing_to_write_is_no_part(tmp_path):
    metrics = Metrics(tmp_path / "metrics", 0)
    metrics.flush(3)
    metrics.add(4, "train", elbo=0.0)
    metrics.flush(4)
    metrics.flush(5)
    assert [path.name for path in (tmp_path / "metrics").iterdir()] == ["part-000000004.parquet"]
