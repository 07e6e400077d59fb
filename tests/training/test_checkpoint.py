"""Checkpoints: damaged ones are skipped, those of other runs are refused."""

import logging
import platform
from dataclasses import asdict, replace

import pytest
import torch

from seatbelt_vae.config import dump_toml
from seatbelt_vae.config.non_default import non_default
from seatbelt_vae.errors import ArtifactError, ForeignStateError
from seatbelt_vae.kernels import FUSED_CONV
from seatbelt_vae.optim import Adam
from seatbelt_vae.parallel import operating_system
from seatbelt_vae.runs import atomic_write, digest_of, read_json, read_rows
from seatbelt_vae.training import Checkpoint, Conditions, recorder, train
from seatbelt_vae.training.state import load_weights, weights
from tests.training.small import config, points, stopped_after, trained, weight_bytes

HERE = Conditions("2.13", "Xeon x86_64 AVX2", "mixtures", 1, "cpu", "float32", 1)


def made(value: float):
    """A model, and its optimiser after one step."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, value)
    optimizer = Adam(model, 1e-3)
    model(torch.tensor([[value, 1.0], [2.0, 3.0]])).square().sum().backward()
    optimizer.step()
    return model, optimizer


@pytest.fixture
def two(tmp_path):
    """The checkpoints of steps 1 and 2, and the weights of each."""
    checkpoint, found = Checkpoint(tmp_path, "run"), {}
    for step in (1, 2):
        model, optimizer = made(step)
        checkpoint.save(step, tensors_of(model, optimizer), HERE)
        found[step] = model.state_dict()
    return checkpoint, found


def tensors_of(model, optimizer):
    return weights("model", model) | optimizer.tensors("adam")


def restored(checkpoint, here=HERE):
    step, tensors = checkpoint.newest(here)
    model, _ = made(9)
    load_weights("model", model, tensors)
    return step, model.state_dict()


def assert_equal(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_newest_two_are_kept_and_the_newest_is_restored(two):
    checkpoint, _ = two
    model, optimizer = made(3)
    checkpoint.save(3, tensors_of(model, optimizer), HERE)
    names = sorted(path.name for path in checkpoint.folder.iterdir())
    assert names == ["latest", "step-000000002", "step-000000003"]
    step, found = restored(checkpoint)
    assert step == 3
    assert_equal(found, model.state_dict())


def test_the_optimiser_goes_on_where_it_was(two):
    checkpoint, _ = two
    _, optimizer = made(9)
    optimizer.load("adam", checkpoint.newest(HERE)[1])
    assert_equal(optimizer.tensors("adam"), made(2)[1].tensors("adam"))


@pytest.mark.parametrize(("name", "every"), [("about.json", 1), ("state.safetensors", 7)])
def test_no_flipped_byte_goes_unnoticed(two, caplog, name, every):
    checkpoint, made_before = two
    path = checkpoint.folder / "step-000000002" / name
    good = path.read_bytes()
    fell_back = 0
    for place in range(0, len(good), every):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x01]) + good[place + 1 :])
        caplog.clear()
        step, found = restored(checkpoint)
        assert_equal(found, made_before[step])
        assert ("falling back" in caplog.text) == (step == 1)
        fell_back += step == 1
    assert fell_back > 0.6 * len(good) / every


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", "null", '{"step": 2}'])
def test_other_json_is_passed_over(two, text):
    checkpoint, made_before = two
    (checkpoint.folder / "step-000000002" / "about.json").write_text(text)
    step, found = restored(checkpoint)
    assert step == 1
    assert_equal(found, made_before[1])


@pytest.mark.parametrize("name", ["about.json", "state.safetensors"])
def test_a_missing_file_is_passed_over(two, name):
    checkpoint, _ = two
    (checkpoint.folder / "step-000000002" / name).unlink()
    assert restored(checkpoint)[0] == 1


def test_what_a_kill_left_half_written_is_removed(two):
    checkpoint, _ = two
    half = checkpoint.folder / ".step-000000003.77.tmp"
    half.mkdir()
    (half / "state.safetensors").write_bytes(b"half")
    checkpoint.clear(beyond=2)
    assert restored(checkpoint)[0] == 2
    assert not half.exists()


def test_a_damaged_checkpoint_takes_no_place_from_a_whole_one(tmp_path):
    run = trained(tmp_path / "run", config(), stop=stopped_after(28))
    folder = run.path / "checkpoints"
    (folder / "step-000000028" / "about.json").write_text("{")
    train(run, points(), stop=stopped_after(1))
    assert sorted(path.name for path in folder.glob("step-*")) == [
        "step-000000021",
        "step-000000022",
    ]


def test_a_checkpoint_that_was_not_whole_is_made_again(two):
    checkpoint, _ = two
    state = checkpoint.folder / "step-000000002" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-8])
    assert restored(checkpoint)[0] == 1
    model, optimizer = made(5)
    checkpoint.save(2, tensors_of(model, optimizer), HERE)
    step, found = restored(checkpoint)
    assert step == 2
    assert_equal(found, model.state_dict())


def test_another_run_is_refused(two):
    checkpoint, _ = two
    path = checkpoint.folder / "step-000000002"
    with pytest.raises(ForeignStateError) as caught:
        restored(Checkpoint(checkpoint.folder, "another"))
    assert str(caught.value) == (
        f"{path} was made with other settings or data than this run's config.toml: restore them, "
        f"or train in another folder"
    )


@pytest.mark.parametrize("name", asdict(HERE))
def test_each_condition_that_differs_is_named(two, caplog, name):
    checkpoint, _ = two
    other = replace(HERE, **{name: "another"})
    assert restored(checkpoint, other)[0] == 2
    said = f"not bit-exact: {name} {getattr(HERE, name)} → another"
    assert [record.getMessage() for record in caplog.records] == [said]
    assert caplog.records[0].levelno == logging.WARNING


def test_equal_conditions_say_nothing(two, caplog):
    restored(two[0])
    assert not caplog.records


def test_conditions_are_those_of_this_process():
    here = Conditions.here(torch.device("cpu"), "bf16")
    assert (here.torch, here.threads) == (torch.__version__, torch.get_num_threads())
    assert (here.device, here.precision) == ("cpu", "bf16")
    assert here.processor.endswith(torch.backends.cpu.get_cpu_capability())


@pytest.mark.parametrize(("built", "said"), [(False, "nothing"), (True, "fused_conv and mixtures")])
def test_conditions_tell_which_kernels_are_compiled(monkeypatch, built, said):
    monkeypatch.setattr(FUSED_CONV, "is_built", lambda: built)
    assert Conditions.here(torch.device("cpu"), "float32").compiled == said


def test_conditions_tell_the_model_of_the_processor(tmp_path, monkeypatch):
    facts = tmp_path / "cpuinfo"
    facts.write_text("processor\t: 0\nmodel name\t: Xeon 8488C\nflags\t: amx\n" * 2)
    monkeypatch.setattr(operating_system, "Path", {"/proc/cpuinfo": facts}.get)
    assert Conditions.here(torch.device("cpu"), "float32").processor.startswith("Xeon 8488C ")
    facts.unlink()
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    assert Conditions.here(torch.device("cpu"), "float32").processor.startswith("arm ")


def test_a_run_that_fell_back_can_be_stopped_and_resumed_again(tmp_path):
    run = trained(tmp_path / "run", config(), stop=stopped_after(28))
    state = run.path / "checkpoints" / "step-000000028" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-20])
    train(run, points(), stop=stopped_after(8))  # from step 21 to 29, past the damaged one
    newest = run.path / "checkpoints" / "step-000000029" / "about.json"
    newest.unlink()
    train(run, points())
    whole = trained(tmp_path / "whole", config())
    assert weight_bytes(run) == weight_bytes(whole)
    assert read_rows(run.path / "metrics") == read_rows(whole.path / "metrics")


def test_other_data_are_refused(tmp_path):
    run = trained(tmp_path / "run", config(), stop=stopped_after(8))
    data = points()
    with pytest.raises(ForeignStateError, match="other settings or data"):
        train(run, replace(data, name="another"))
    with pytest.raises(ForeignStateError, match="made with other images of 'swiss-roll'"):
        train(run, replace(data, digest="of other images"))
    # without a stored identity, the digest of the checkpoint decides
    (run.path / "data.safetensors").unlink()
    with pytest.raises(ForeignStateError, match="other settings or data"):
        train(run, replace(data, digest="of other images"))


def test_a_run_is_known_by_the_settings_it_states(tmp_path):
    """A setting added by a later version does not change the digest."""
    run = trained(tmp_path / "run", config(), stop=stopped_after(1))
    settings = {
        "data": {"name": "swiss-roll", "images": 600.0},
        "model": {
            "preset": "vae",
            "latent_sizes": [3],
            "network": "mlp",
            "features": 16.0,
            "hierarchy_widths": [8, 8],
        },
        "training": {
            "batch_size": 32.0,
            "learning_rate": 0.003,
            "validate_every": 20.0,
        },
    }
    known = read_json(run.path / "checkpoints" / "step-000000001" / "about.json")["run"]
    of = points().identity
    assert known == digest_of({"decisive": settings, "train": 600, "images": of})


def test_runs_of_earlier_versions_are_known_by_all_their_settings(tmp_path):
    run = trained(tmp_path / "run", config(steps=5))
    folder, data = run.path / "checkpoints", points()
    _, tensors = recorder._checkpoint(run, data).newest(HERE)
    first = asdict(run.config)
    del first["training"]["schedule"]
    second = {
        "settings": non_default(run.config),
        "train": len(data.train),
        "images": data.identity,
    }
    for everything in ({"settings": first, "train": len(data.train), "data": data.name}, second):
        Checkpoint(folder, digest_of(everything)).save(5, tensors, HERE)
        train(run, data)


def test_a_refused_run_is_left_as_it_was(tmp_path):
    run = trained(tmp_path / "run", config(steps=5))
    other = replace(config(steps=5), model=replace(config().model, latent_sizes=(5,)))
    atomic_write(run.path / "config.toml", dump_toml(other).encode())
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    with pytest.raises(ForeignStateError):
        train(run, points())
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_all_corrupt_is_an_error(two):
    checkpoint, _ = two
    for about in checkpoint.folder.glob("*/about.json"):
        about.write_text("{")
    with pytest.raises(ArtifactError) as caught:
        restored(checkpoint)
    assert str(caught.value) == (
        f"no whole checkpoint in {checkpoint.folder}: restore one, or move the folder away to "
        f"train from the start"
    )
