"""Generators for tests: of any key, apart from the library's registry of streams."""

import numpy as np
import torch


def generator_of(*key: int) -> torch.Generator:
    """A generator that depends on the key alone."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
