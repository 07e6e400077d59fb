"""The registry of random streams: every purpose has a name, and no two purposes share a key.

A key is (seed, number of the stream, indices). The draws for one key do not depend on what was
drawn before, so a resumed run equals an uninterrupted one bit for bit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, unique
from typing import TYPE_CHECKING

import numpy as np

from seatbelt_vae.errors import ConfigError

if TYPE_CHECKING:
    import torch

__all__ = [
    "DataStream",
    "Stream",
    "generator_for",
    "numpy_generator_for",
    "resampling_generator",
    "seeded_for",
]

_WORD = 2**32
_SEEDS = 2**128


@unique
class Stream(Enum):
    """The purposes of random numbers: for each its number and the names of its indices.

    Each stream has a fixed count of indices, because NumPy's `SeedSequence` pads short keys with
    zeros: (0, 2, 5) and (0, 2, 5, 0) are the same key to it. Numbers are never reused.
    """

    # training: the numbers and indices of every checkpoint ever written
    WEIGHTS = (0,)
    EPOCH_ORDER = (1, "epoch")
    TRAINING_NOISE = (2, "step")
    VALIDATION_NOISE = (3,)
    DISCRIMINATOR_WEIGHTS = (4,)
    CODE_SHUFFLE = (5, "step")
    # attacks
    LOSS_NOISE = (6, "pair")
    SINGLE_STARTS = (7, "pair")
    RACE_STARTS = (8, "pair")
    PUBLISHED_STARTS = (13, "pair")
    # diagnostics of attacks
    PROBE_START = (14, "pair")
    MATCHED_NOISE = (15, "pair")
    GRADIENT_FREE = (16, "pair", "row")
    # measures of attacks and models
    FRESH_NOISE = (64, "pair")
    BOUND_NOISE = (65, "image")
    CHAIN_NOISE = (66, "block", "image")
    QUERY_NOISE = (67, "image")
    DENOISING_NOISE = (68, "image")
    MARGIN_NOISE = (69, "image")
    CODE_NOISE = (71, "image")
    CLASSIFIER_WEIGHTS = (72,)
    CLASSIFIER_ORDER = (73, "epoch")
    BUDGET_RECHECK = (76, "pair")
    CONVERGENCE_ROWS = (77, "pair")
    CONVERGENCE_STARTS = (78, "pair")
    # penalties of training
    PENALTY = (75, "step", "position and worker")
    ATTACKED_HALF = (100, "step")
    COUPLED_INPUTS = (101, "step")
    COUPLED_NOISE = (102, "step")
    JACOBIAN_VECTORS = (103, "step")
    # audits
    AUDIT_LOSS_NOISE = (79, "pair", "threat")
    AUDIT_STARTS = (80, "pair", "threat")
    AUDIT_RESTARTS = (81, "pair", "threat")
    AUDIT_RECHECK = (82, "pair", "threat")
    AUDIT_NOISE = (83, "pair", "threat")
    AUDIT_PROBE = (85, "pair", "threat")
    AUDIT_GRADIENT_FREE = (84, "pair", "threat")
    AUDIT_PATHS = (96, "pair", "threat")
    SURVIVAL_NOISE = (90, "pair")
    UNIVERSAL_STARTS = (91,)
    UNIVERSAL_NOISE = (92,)
    # defences
    HARDENING = (93, "step")
    DEFENCE_NOISE = (94,)
    CERTIFICATE_NOISE = (95,)
    # decoders of others that draw
    DECODER_NOISE = (104,)
    # the conformance check
    CHECK_INPUTS = (74,)
    CHECK_DRAWS = (86,)

    def __init__(self, number: int, *indices: str) -> None:
        self.number, self.indices = number, indices


@unique
class DataStream(Enum):
    """Purposes that decide which data are used: held-out images, chosen images, generated data.

    Every number measured rests on these choices, so they keep the construction of the first
    version: `numpy.random.Philox` of the seed alone. No `Stream` uses that generator and key.

    Example:
        >>> DataStream.HELD_OUT.generator().permutation(5)
        array([0, 3, 4, 2, 1])
    """

    HELD_OUT = "the test split"
    SWISS_ROLL = "the points of the Swiss roll"
    FACES = "the modes of the rendered faces"
    CONTACT_SHEET = "the images of a contact sheet"
    ATTACKED_PAIRS = "the pairs of a suite"
    CLASS_PAIRS = "the pairs of different classes"
    EVALUATED_IMAGES = "the test images of an evaluation"
    AGGREGATE_IMAGES = "the training images of the aggregate posterior"
    MIG_IMAGES = "the training images of the mutual information gap"
    CLASSIFIER_IMAGES = "the training images of the classifiers"
    LINEAR_IMAGES = "the training images of probabilistic PCA"

    def generator(self, seed: int = 0) -> np.random.Generator:
        """The generator of this purpose; purposes with one seed draw the same numbers."""
        return np.random.Generator(np.random.Philox(seed))


def generator_for(stream: Stream, seed: int, *indices: int) -> "torch.Generator":
    """A CPU generator that depends on its key and on nothing else.

    Args:
        stream: the purpose.
        seed: of the run, the attack or the evaluation; below 2¹²⁸.
        indices: one for each of ``stream.indices``, each below 2³².

    Raises:
        ConfigError: a seed outside its range.
        ValueError: indices of another count or range.

    Example:
        >>> import torch
        >>> a, b = (generator_for(Stream.TRAINING_NOISE, 0, 7) for _ in range(2))
        >>> bool(torch.rand(1, generator=a) == torch.rand(1, generator=b))
        True
    """
    import torch

    state = _sequence(stream, seed, indices).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def numpy_generator_for(stream: Stream, seed: int, *indices: int) -> np.random.Generator:
    """As `generator_for`, a generator of NumPy.

    Example:
        >>> numpy_generator_for(Stream.EPOCH_ORDER, 0, 1).permutation(4)
        array([2, 3, 1, 0])
    """
    return np.random.Generator(np.random.Philox(_sequence(stream, seed, indices)))


@contextmanager
def seeded_for(stream: Stream, seed: int) -> Iterator[None]:
    """Seed torch's default CPU generator inside the block, as for the weights of new layers."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator_for(stream, seed).initial_seed())
        yield


def resampling_generator(seed: int) -> np.random.Generator:
    """The generator of bootstrap resamples: PCG64 of the seed alone, which nothing else uses."""
    return np.random.default_rng(seed)


def _sequence(stream: Stream, seed: int, indices: tuple[int, ...]) -> np.random.SeedSequence:
    """The key as NumPy's words of 32 bits; distinct keys give distinct words.

    Up to four words are padded with zeros and every stream has its own second word. A seed beyond
    one word would shift the others, so it is followed by a spawn key, which starts at the fifth
    word or later.
    """
    if len(indices) != len(stream.indices) or not all(0 <= index < _WORD for index in indices):
        raise ValueError(
            f"indices {indices} of {stream.name}, expected {len(stream.indices)} between 0 and 2³²"
        )
    if not 0 <= seed < _SEEDS:
        raise ConfigError(f"seed is {seed}, expected 0 or more, and less than 2¹²⁸")
    key = (stream.number, *map(int, indices))
    if seed < _WORD:
        return np.random.SeedSequence((int(seed), *key))
    return np.random.SeedSequence(int(seed), spawn_key=key)
