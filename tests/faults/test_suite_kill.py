"""A suite killed at random moments ends in the rows of an uninterrupted one."""

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seatbelt_vae.attacks import run_suite
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs import RunFolder, read_json, read_rows, read_tensors
from tests.attacks.suite_runs import CONFIG, make_run, sprites, suite_in_process
from tests.faults.killing import in_process, killed_until_done

NAME = "latent-kl-strong"
# more pairs than kills, so that none comes too late
LONG = replace(CONFIG, pairs=8, weight_count=3)


def assert_same(suite, whole):
    """Rows, images, flags and descriptions of the suites are equal."""
    assert read_rows(suite, "pair-*.parquet") == read_rows(whole, "pair-*.parquet")
    for name in ("suite.json", "flags.json"):
        assert read_json(suite / name) == read_json(whole / name)
    images = sorted(path.name for path in whole.glob("pair-*.safetensors"))
    assert images == sorted(path.name for path in suite.glob("pair-*.safetensors"))
    for name in images:
        mine, theirs = read_tensors(suite / name), read_tensors(whole / name)
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted suite, made in a process like the killed ones."""
    run = make_run(tmp_path_factory.mktemp("suite") / "whole")
    in_process(suite_in_process, run.path, LONG)
    return run.path / "attacks" / NAME


def test_killed_again_and_again_equals_uninterrupted(tmp_path, whole):
    run = make_run(tmp_path / "killed")
    suite = run.path / "attacks" / NAME

    def claimed():
        return (suite / "suite.json").exists()

    def images():
        return len(list(suite.glob("pair-*.safetensors")))

    def rows():
        return len(list(suite.glob("pair-*.parquet")))

    killed_until_done(
        suite_in_process, run.path, LONG, moments=[claimed, images, rows, images, images], seed=0
    )
    assert_same(suite, whole)


def test_a_damaged_pair_is_named_and_can_be_made_again(tmp_path, whole):
    run = RunFolder.open(shutil.copytree(whole.parents[1], tmp_path / "run"))
    folder = run.path / "attacks" / NAME
    part = folder / "pair-00001.parquet"
    part.write_bytes(part.read_bytes()[:-50])
    with pytest.raises(
        ArtifactError, match=r"pair-00001.parquet is not a whole Parquet file .*: m"
    ):
        run_suite(run, sprites(), LONG)
    part.unlink()
    run_suite(run, sprites(), LONG)
    assert_same(folder, whole)


def test_a_full_disk_keeps_the_pairs_done_and_the_suite_goes_on(tmp_path, monkeypatch, whole):
    run = make_run(tmp_path / "run")
    suite = run.path / "attacks" / NAME
    write = os.fsync

    def full(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").readlink().name.startswith(f".{full_at}."):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(descriptor)

    for full_at in ("config.toml", "suite.json", "pair-00000.safetensors", "pair-00002.parquet"):
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(ArtifactError) as caught:
                run_suite(run, sprites(), LONG)
        assert str(caught.value).startswith(f"cannot write {suite / full_at}: No space left")
        assert "\n" not in str(caught.value)
        assert not (suite / full_at).exists()
        assert not list(suite.glob(".*.tmp"))
    assert len(list(suite.glob("pair-*.parquet"))) == 2
    run_suite(run, sprites(), LONG)
    assert_same(suite, whole)
