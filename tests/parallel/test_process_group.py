"""Several processes that share a batch: the same loss, gradients and weights as one process."""

import os
import socket
import time
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing

from seatbelt_vae.errors import ConfigError
from seatbelt_vae.objectives import PenaltySetup
from seatbelt_vae.objectives.penalties.discriminator_tc import DiscriminatorTC
from seatbelt_vae.parallel.process_group import ProcessGroup, process_group
from seatbelt_vae.runs import RunFolder, read_json, read_rows, read_tensors
from seatbelt_vae.training import Checkpoint, train
from seatbelt_vae.training.batches import Batches
from tests.random_models import random_heads
from tests.training.small import blobs, config, convolutional, points, stopped_after, weight_bytes

WORKERS = 4
SINGLE = "float32"
KINDS = {
    SINGLE: lambda **training: convolutional(**training),
    "tc": lambda **training: convolutional(**training),
    "mss": lambda **training: _with_objective(convolutional(**training), tc_estimator="mss"),
    "layers": lambda **training: _with_objective(
        convolutional(**training), free_bits=0.5, free_bits_group="layer"
    ),
    # five rows per worker: their shares of attacked rows differ; Adam would amplify the rounding
    # noise of the gradients of floored units
    "denoising": lambda **_: _with_objective(
        _with_batch(convolutional(steps=6), 20),
        defence=("denoising-adversarial",),
        free_bits=0.0,
        defence_warm_up=2,
        denoising_weight=2.0,
    ),
    "penalties": lambda **_: _with_objective(
        convolutional(steps=6),
        defence=("coupled-encoder", "encoder-jacobian", "reconstruction-jacobian"),
        coupling_source="adversarial",
        free_bits=0.0,
        defence_warm_up=2,
    ),
    # half of the batch is no multiple of the workers
    "factor": lambda **training: config("factor-vae", **training | {"steps": 4, "batch_size": 36}),
}


def _with_objective(settings, **objective):
    return replace(settings, objective=replace(settings.objective, **objective))


def _with_batch(settings, rows):
    return replace(settings, training=replace(settings.training, batch_size=rows))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def set_group(rank, count, port):
    """The variables that torchrun sets."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }


def _worker(rank, count, port, work, arguments):
    set_group(rank, count, port)
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", timeout=timedelta(seconds=60))
    try:
        work(*arguments)
    finally:
        distributed.destroy_process_group()


def together(work, *arguments, count=WORKERS):
    """Run a function in several processes that form a group."""
    inherited = (count, free_port(), work, arguments)
    multiprocessing.start_processes(_worker, inherited, count, start_method="forkserver")


def data_for(settings):
    return blobs() if settings.model.network == "conv" else points()


def train_all(folders):
    """Train in float64, where rounding does not hide differences."""
    # with variances at 1, some first gradients are small: Adam amplifies their rounding noise
    with random_heads():
        for folder, exactly in folders.items():
            train_exactly(folder) if exactly else train_plainly(folder)


def train_exactly(folder):
    run = RunFolder.open(folder)
    torch.set_default_dtype(torch.float64)
    data = data_for(run.config)
    exact = {
        name: replace(split, read=lambda indices, read=split.read: np.float64(read(indices)))
        for name, split in (("train", data.train), ("test", data.test))
    }
    try:
        train(run, replace(data, **exact))
    finally:
        torch.set_default_dtype(torch.float32)


def train_plainly(folder, steps=None):
    run = RunFolder.open(folder)
    train(run, data_for(run.config), stop=steps and stopped_after(steps))


def greatest_difference(one, other):
    a, b = (read_tensors(run.path / "model.safetensors") for run in (one, other))
    norms = [
        ((a[name] - b[name]).double().norm() / a[name].double().norm().clamp_min(1e-3)).item()
        for name in a
        if a[name].is_floating_point()
    ]
    return max(norms)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Every kind of run, by one process and by four; all of the four in one group."""
    folder = tmp_path_factory.mktemp("runs")
    found = {
        kind: [RunFolder.create(folder / f"{kind} {n}", settings(steps=10)) for n in (1, WORKERS)]
        for kind, settings in KINDS.items()
    }
    together(train_all, {run.path: kind != SINGLE for kind, (_, run) in found.items()})
    train_all({run.path: kind != SINGLE for kind, (run, _) in found.items()})
    return found


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != SINGLE])
def test_four_processes_train_as_one(pairs, kind):
    rows = [read_rows(run.path / "metrics") for run in pairs[kind]]
    assert len(rows[0]) == len(rows[1]) > 4
    for a, b in zip(*rows, strict=True):
        for name in ("objective", "elbo", "gradient_norm"):
            if a[name] is not None:
                assert b[name] == pytest.approx(a[name], rel=1e-10, abs=1e-10)
    assert rows[1][0]["objective"] == pytest.approx(rows[0][0]["objective"], rel=1e-12)
    assert greatest_difference(*pairs[kind]) < 1e-7


def test_four_processes_train_as_one_in_float32(pairs):
    rows = [read_rows(run.path / "metrics") for run in pairs[SINGLE]]
    for a, b in list(zip(*rows, strict=True))[:3]:
        for name in ("objective", "gradient_norm"):
            assert b[name] == pytest.approx(a[name], rel=1e-5)


def test_a_run_goes_on_with_another_number_of_workers(tmp_path):
    settings = config("beta-tcvae", steps=20)
    whole, moved = (RunFolder.create(tmp_path / name, settings) for name in ("whole", "moved"))
    train_plainly(whole.path)
    together(train_plainly, moved.path, 7, count=2)
    assert (
        read_json(moved.path / "checkpoints" / "step-000000007" / "about.json")["conditions"][
            "workers"
        ]
        == 2
    )
    train_plainly(moved.path)
    steps = [row["step"] for row in read_rows(moved.path / "metrics") if row["split"] == "train"]
    assert steps == list(range(1, 21))
    assert greatest_difference(whole, moved) < 1e-4


def test_stopped_and_resumed_processes_end_in_the_same_bytes(tmp_path):
    settings = config("seatbelt", steps=12)
    whole, parts = (RunFolder.create(tmp_path / name, settings) for name in ("whole", "parts"))
    together(train_plainly, whole.path, count=2)
    together(train_plainly, parts.path, 5, count=2)
    assert not (parts.path / "model.safetensors").exists()
    together(train_plainly, parts.path, count=2)
    assert weight_bytes(whole) == weight_bytes(parts)
    assert read_rows(whole.path / "metrics") == read_rows(parts.path / "metrics")


def test_processes_with_trackers_end_together(tmp_path):
    settings = config(steps=3, trackers=("tensorboard",))
    run = RunFolder.create(tmp_path / "run", settings)
    together(train_plainly, run.path, count=2)
    assert (run.path / "model.safetensors").exists()
    events = (run.path / "trackers").rglob("events.out.tfevents.*")
    writers = {path.name.split(".")[-2] for path in events}  # the number of the process
    assert len(writers) == 1


def _train_late_second(folder):
    """The second process reads the folder after the first has finished it."""
    newest = Checkpoint.newest

    def late(checkpoint, here):
        found = newest(checkpoint, here)
        end = time.monotonic() + 2
        while not (folder / "model.safetensors").exists() and time.monotonic() < end:
            time.sleep(0.01)
        return found

    if process_group().rank == 1:
        Checkpoint.newest = late
    train_plainly(folder)


def test_all_processes_agree_on_whether_a_run_is_finished(tmp_path):
    run = RunFolder.create(tmp_path / "run", config(steps=3))
    train_plainly(run.path)
    model = run.path / "model.safetensors"
    written = model.read_bytes()
    model.unlink()
    together(_train_late_second, run.path, count=2)
    assert model.read_bytes() == written


def _differentiate_collectives():
    group = process_group()
    rank, count = group.rank, group.size
    x = (torch.arange(6.0).view(3, 2) + 10 * rank).requires_grad_()
    weights = torch.arange(1.0, 6 * count + 1).view(3 * count, 2) * (rank + 1)
    whole = group.gather(x)
    assert torch.equal(
        whole, torch.cat([torch.arange(6.0).view(3, 2) + 10 * r for r in range(count)])
    )
    (whole * weights).sum().backward()
    ranks = sum(range(1, count + 1))
    assert torch.equal(x.grad, (weights / (rank + 1) * ranks)[3 * rank : 3 * rank + 3])
    y = torch.tensor(float(rank + 1), requires_grad=True)
    mean = group.mean(y)
    assert mean.item() == ranks / count
    (mean * (rank + 1)).backward()
    assert y.grad.item() == ranks / count
    rows = torch.arange(4 * count)[group.rows(4 * count)]
    assert rows.tolist() == list(range(4 * rank, 4 * rank + 4))
    with pytest.raises(ConfigError, match=f"a batch of 7 for {count} workers"):
        group.rows(7)
    discriminator = DiscriminatorTC(PenaltySetup((2,)))
    with pytest.raises(ConfigError, match="batch_size is 3 for 3 workers, expected at least 6"):
        discriminator.part_loss(torch.ones(1, 2), 1)


def test_what_is_received_from_others_sends_its_gradient_back():
    together(_differentiate_collectives, count=3)


def test_alone_nothing_is_exchanged():
    x = torch.ones(3, requires_grad=True)
    group = process_group()
    assert group.gather(x) is group.mean(x) is x
    assert (group.size, group.rank) == (1, 0)
    assert group.rows(5) == slice(0, 5)
    assert [group.any(fact) for fact in (True, False)] == [True, False]
    group.barrier()


def test_shares_of_a_batch_are_its_rows_in_order():
    data, whole = points(), None
    batches = Batches(data, 12, 0, torch.device("cpu"))
    whole = next(batches.images(3, 3))
    noise = batches.noise(3, (2, 5), whole)
    for rank in range(3):
        own = slice(4 * rank, 4 * rank + 4)
        group = ProcessGroup()
        group.rank, group.size = rank, 3
        share = replace(batches, group=group)
        assert torch.equal(next(share.images(3, 3)), whole[own])
        for part, layer in zip(share.noise(3, (2, 5), whole), noise, strict=True):
            assert torch.equal(part, layer[own])
