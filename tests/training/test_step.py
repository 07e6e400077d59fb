"""One training step, compared with a plain loop and with the recorded inputs."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from seatbelt_vae.data.dataset import Split
from seatbelt_vae.errors import DivergenceError
from seatbelt_vae.models import HierarchicalVAE
from seatbelt_vae.objectives import Objective
from seatbelt_vae.runs import RunFolder, read_rows, read_tensors
from seatbelt_vae.training import train
from tests.training.small import blobs, config, convolutional, points, trained, weight_bytes

compute = Objective.__call__


@dataclass
class Seen:
    """The inputs of the objective in training, and the weights before the first step."""

    start: dict[str, torch.Tensor] = field(default_factory=dict)
    objectives: list[Objective] = field(default_factory=list)
    images: list[torch.Tensor] = field(default_factory=list)
    noise: list[tuple[torch.Tensor, ...]] = field(default_factory=list)
    dtypes: set[torch.dtype] = field(default_factory=set)


@pytest.fixture
def watch(tmp_path, monkeypatch):
    """Trains a run and returns the inputs of the objective."""

    def watched(name, settings, data=None):
        seen = Seen()

        def spy(self, model, x, noise, step=None):
            if model.training and not seen.images:
                seen.start = {k: v.clone() for k, v in model.state_dict().items()}
            terms = compute(self, model, x, noise, step)
            if model.training:
                seen.objectives.append(self)
                seen.images.append(x.clone())
                seen.noise.append(tuple(n.clone() for n in noise))
            seen.dtypes.update(value.dtype for value in terms.named().values())
            return terms

        monkeypatch.setattr(Objective, "__call__", spy)
        run = RunFolder.create(tmp_path / name, settings)
        train(run, data or points())
        monkeypatch.undo()
        return run, seen

    return watched


@pytest.mark.parametrize(("preset", "clip"), [("vae", None), ("seatbelt", None), ("seatbelt", 5.0)])
def test_the_loop_is_adam_on_the_negative_objective_with_a_cosine_rate(watch, preset, clip):
    steps = 8
    settings = config(preset, steps=steps, gradient_clip=clip)
    settings = replace(settings, objective=replace(settings.objective, kl_warm_up=5))
    run, seen = watch("run", settings)
    setups = [p.loss.setup for objective in seen.objectives for p in objective.penalties]
    assert {setup.data_size for setup in setups} == ({600} if preset == "seatbelt" else set())
    model = HierarchicalVAE(train(run, points()).architecture)
    model.load_state_dict(seen.start)
    optimizer = torch.optim.Adam(model.parameters(), foreach=False)
    norms = []
    for step, (objective, x, noise) in enumerate(
        zip(seen.objectives, seen.images, seen.noise, strict=True)
    ):
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 + math.cos(math.pi * step / steps)) / 2
        optimizer.zero_grad()
        (-compute(objective, model.train(), x, noise, step + 1).objective).backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), clip or math.inf).item())
        optimizer.step()
    stored = read_tensors(run.path / "model.safetensors")
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(stored[name], tensor, rtol=1e-4, atol=1e-6)
        if name.endswith("weight"):
            assert (stored[name] - seen.start[name]).abs().max() > 1e-4
    logged = [
        row["gradient_norm"] for row in read_rows(run.path / "metrics") if row["split"] == "train"
    ]
    assert logged == pytest.approx(norms, rel=1e-4)
    # the limit acts on some steps and not on others, and the norm before it is logged
    assert clip is None or min(norms) < clip < max(norms)


def test_every_epoch_feeds_every_image_once_in_another_order(tmp_path):
    fed = []
    data = points()

    def read(indices):
        fed.append(indices.copy())
        return data.train.read(indices)

    run = RunFolder.create(tmp_path / "run", config(steps=54))
    train(run, replace(data, train=Split(data.train.indices, read)))
    epochs = np.array(fed).reshape(3, 18 * 32)
    for epoch in epochs:
        assert len(set(epoch)) == len(epoch)
        assert set(epoch) <= set(data.train.indices)
    assert not (epochs[0] == epochs[1]).all()
    assert not (epochs[1] == epochs[2]).all()


def test_every_step_has_noise_of_its_own(watch):
    _, seen = watch("run", config("seatbelt", steps=20))
    for layer in zip(*seen.noise, strict=True):
        drawn = torch.cat([noise.flatten() for noise in layer])
        assert len(drawn.unique()) == len(drawn)
        assert abs(float(drawn.mean())) < 5 / len(drawn) ** 0.5
        assert float(drawn.std()) == pytest.approx(1, abs=0.1)


def test_the_seed_decides_weights_order_and_noise(watch):
    settings = [config(steps=1, seed=seed) for seed in (0, 0, 1)]
    (_, a), (_, b), (_, c) = (watch(f"run{i}", s) for i, s in enumerate(settings))
    weight = next(name for name in a.start if name.endswith("weight") and a.start[name].ndim > 1)
    for one, same, other in (
        (a.start[weight], b.start[weight], c.start[weight]),
        (a.images[0], b.images[0], c.images[0]),
        (a.noise[0][0], b.noise[0][0], c.noise[0][0]),
    ):
        assert torch.equal(one, same)
        assert not torch.equal(one, other)


def test_terms_stay_float32_under_bf16(watch):
    _, seen = watch("run", convolutional(steps=2, precision="bf16"), blobs())
    assert seen.dtypes == {torch.float32}


def test_a_gradient_that_is_not_a_number_stops_before_the_weights_are_touched(
    tmp_path, monkeypatch
):
    calls = 0

    def spoiled(self, model, x, noise, step=None):
        nonlocal calls
        calls += model.training
        terms = compute(self, model, x, noise, step)
        nothing = (0 * next(model.parameters())).sum().sqrt()  # 0, with the gradient 0 · ∞
        return replace(terms, objective=terms.objective + nothing) if calls == 10 else terms

    run = RunFolder.create(tmp_path / "run", config())
    monkeypatch.setattr(Objective, "__call__", spoiled)
    with pytest.raises(DivergenceError, match="diverged at step 10: gradient_norm is nan"):
        train(run, points())
    monkeypatch.undo()
    assert max(row["step"] for row in read_rows(run.path / "metrics")) == 7
    train(run, points())
    assert weight_bytes(run) == weight_bytes(trained(tmp_path / "whole", config()))
