"""The registry of random streams: distinct keys, the layout of the first version, and its use."""

import ast
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

import seatbelt_vae
from seatbelt_vae import randomness
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.randomness import (
    DataStream,
    Stream,
    generator_for,
    numpy_generator_for,
    resampling_generator,
    seeded_for,
)
from tests.generators import generator_of

SOURCES = Path(seatbelt_vae.__file__).parent
TRAINING = {
    Stream.WEIGHTS: 0,
    Stream.EPOCH_ORDER: 1,
    Stream.TRAINING_NOISE: 2,
    Stream.DISCRIMINATOR_WEIGHTS: 4,
    Stream.CODE_SHUFFLE: 5,
}
"""The streams that weights and order of a training rest on, by their first numbers."""

MEASURES = {
    Stream.BOUND_NOISE: 65,
    Stream.CHAIN_NOISE: 66,
    Stream.QUERY_NOISE: 67,
    Stream.DENOISING_NOISE: 68,
    Stream.MARGIN_NOISE: 69,
    Stream.CODE_NOISE: 71,
    Stream.CLASSIFIER_WEIGHTS: 72,
}


def keys(stream, seeds, indices):
    """Every key of a stream over some seeds and indices."""
    return itertools.product([stream], seeds, *([indices] * len(stream.indices)))


def state_of(stream, seed, *indices):
    """256 bits that depend on all of a key: equal where two keys are the same to NumPy."""
    sequence = randomness._sequence(stream, seed, indices)
    return tuple(sequence.generate_state(4, np.uint64).tolist())


def test_two_purposes_cannot_share_a_key():
    """Zeros that NumPy pads with, and seeds that take more than one of its words, included."""
    numbers = sorted({s.number for s in Stream})
    # seeds of several words whose later words are the numbers of streams
    seeds = {*range(4), 7, 2**32 - 1, 2**64 + 7, 2**127 + 7, 3 << 32, 3 << 64, 3 << 96}
    seeds |= {7 + (number << 32) for number in numbers}
    seeds |= {7 + (2 << 32) + (5 << 64), 7 + (2 << 32) + (5 << 64) + (1 << 96)}
    indices = [0, 1, 2, 5, *numbers[-3:], 2**32 - 1]
    every = [key for stream in Stream for key in keys(stream, seeds, indices)]
    assert len(every) > 10_000
    assert len({state_of(*key) for key in every}) == len(every)


def test_numbers_and_counts_of_indices_are_what_keys_rest_on():
    assert len({stream.number for stream in Stream}) == len(Stream)
    assert all(stream.number < 2**32 for stream in Stream)
    # with a seed of one word a key takes at most the four words that NumPy pads to
    assert all(len(stream.indices) <= 2 for stream in Stream)


def test_numpy_takes_keys_that_end_in_zeros_for_the_same():
    """Why every stream has a fixed count of indices."""
    states = [np.random.SeedSequence(key).generate_state(4) for key in ((0, 2, 5), (0, 2, 5, 0))]
    assert (states[0] == states[1]).all()


def test_training_and_control_noise_no_longer_meet():
    assert state_of(Stream.TRAINING_NOISE, 0, 5) != state_of(Stream.MATCHED_NOISE, 0, 2)
    assert state_of(Stream.VALIDATION_NOISE, 0) != state_of(Stream.WEIGHTS, 3)
    assert state_of(Stream.CLASSIFIER_WEIGHTS, 0) != state_of(Stream.CLASSIFIER_ORDER, 0, 0)


@pytest.mark.parametrize(("stream", "number"), (TRAINING | MEASURES).items())
@pytest.mark.parametrize("seed", [0, 3])
def test_a_stream_keeps_the_draws_of_the_first_version(stream, number, seed):
    """So that its checkpoints resume and trained weights and measures of models stay the same."""
    indices = [4, 9][: len(stream.indices)]
    expected = generator_of(seed, number, *indices)
    assert generator_for(stream, seed, *indices).initial_seed() == expected.initial_seed()


def test_the_order_of_an_epoch_is_that_of_the_first_version():
    expected = np.random.Generator(np.random.Philox(np.random.SeedSequence((3, 1, 2))))
    found = numpy_generator_for(Stream.EPOCH_ORDER, 3, 2)
    assert (found.permutation(100) == expected.permutation(100)).all()


@pytest.mark.parametrize("stream", DataStream)
def test_choices_of_data_are_those_of_the_first_version(stream):
    for seed in (0, 1, 12):
        expected = np.random.Generator(np.random.Philox(seed)).permutation(100)
        assert (stream.generator(seed).permutation(100) == expected).all()


def test_choices_of_data_and_resamples_share_no_numbers_with_a_stream():
    """Their keys are the seed alone, as those of weights, but the generators are others."""
    seed = 5
    drawn = [
        DataStream.HELD_OUT.generator(seed).random(4),
        resampling_generator(seed).random(4),
        torch.rand(4, generator=generator_for(Stream.WEIGHTS, seed), dtype=torch.float64).numpy(),
    ]
    assert len({row.tobytes() for row in drawn}) == 3
    assert state_of(Stream.EPOCH_ORDER, seed, 0) != state_of(Stream.WEIGHTS, seed)


def test_the_default_generator_is_seeded_and_then_as_before():
    before = torch.random.get_rng_state()
    with seeded_for(Stream.WEIGHTS, 3):
        drawn = torch.rand(2)
    expected = torch.rand(2, generator=generator_for(Stream.WEIGHTS, 3))
    assert torch.equal(drawn, expected)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("indices", [(), (1, 2), (-1,), (2**32,)])
def test_other_indices_are_refused(indices):
    with pytest.raises(ValueError, match="of TRAINING_NOISE, expected 1 between 0 and"):
        generator_for(Stream.TRAINING_NOISE, 0, *indices)


@pytest.mark.parametrize("seed", [-1, 2**128])
def test_other_seeds_are_refused(seed):
    with pytest.raises(ConfigError, match=f"seed is {seed}, expected 0 or more"):
        generator_for(Stream.WEIGHTS, seed)


MAKES_NUMBERS = {"manual_seed", "fork_rng", "Philox", "PCG64", "SeedSequence", "default_rng"}


@pytest.mark.parametrize(
    "path", [p for p in sorted(SOURCES.rglob("*.py")) if p.name != "randomness.py"]
)
def test_every_generator_comes_from_the_registry(path):
    called = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert not called & MAKES_NUMBERS


def test_every_stream_is_used_in_one_file():
    named = [
        (node.value.id, node.attr, path)
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("Stream", "DataStream")
    ]
    users = [(kind, name) for kind, name, _ in set(named)]
    every = [(type(s).__name__, s.name) for s in (*Stream, *DataStream)]
    assert sorted(users) == sorted(every)
