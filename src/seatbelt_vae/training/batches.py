"""Which images and noise a step sees: functions of the seed and the step, never of the past."""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.data import ImageData
from seatbelt_vae.data.dataset import Indices
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.parallel.process_group import ProcessGroup, process_group
from seatbelt_vae.protocol import Noise, draw_noise
from seatbelt_vae.randomness import Stream, generator_for, numpy_generator_for
from seatbelt_vae.training.resident import Resident

__all__ = ["Batches"]

_VALIDATION_IMAGES = 512


@dataclass(frozen=True)
class Batches:
    """This worker's rows of every batch of a run.

    Args:
        data: the data set.
        size: rows of the whole batch, over all workers.
        seed: of the order and the noise.
        device: where batches are wanted.
        resident: the training images, if they are kept on the device.
        group: the processes that share the batches.

    Raises:
        ConfigError: fewer training images than a batch, or rows that cannot be dealt out evenly.
    """

    data: ImageData
    size: int
    seed: int
    device: torch.device
    resident: Resident | None = None
    group: ProcessGroup = field(default_factory=process_group)

    def __post_init__(self) -> None:
        self.group.rows(self.size)
        if self.per_epoch == 0:
            raise ConfigError(
                f"batch_size {self.size} is more than the {len(self.data.train)} training "
                f"images: use a smaller batch"
            )

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch; a last short one is dropped."""
        return len(self.data.train) // self.size

    def positions(self, step: int) -> Indices:
        """Which training images the whole batch of a step, from 1, holds."""
        epoch, batch = divmod(step - 1, self.per_epoch)
        order = _epoch_order(self.seed, epoch, len(self.data.train))
        return order[batch * self.size : (batch + 1) * self.size]

    def images(self, first: int, last: int) -> Generator[Tensor]:
        """This worker's images of steps first … last, each read while the one before is used."""
        if self.resident is not None:
            for step in range(first, last + 1):
                yield self.resident.batch(self._own_positions(step))
            return
        if first > last:
            return
        with ThreadPoolExecutor(1, "images") as ahead:
            coming: Future[Tensor] = ahead.submit(self._read, first)
            for step in range(first, last + 1):
                batch = coming.result()
                if step < last:
                    coming = ahead.submit(self._read, step + 1)
                yield self._placed(batch)

    def noise(self, step: int, sizes: tuple[int, ...], like: Tensor) -> Noise:
        """This worker's rows of a step's noise, which depends on the whole batch's size only."""
        key = generator_for(Stream.TRAINING_NOISE, self.seed, step)
        whole = draw_noise(sizes, (self.size,), key, like=like)
        return tuple(layer[self._own] for layer in whole)

    def validation(self, sizes: tuple[int, ...]) -> tuple[Tensor, Noise]:
        """Held-out images and noise, always the same."""
        held_out = self.data.test
        x = self._placed(held_out.batch(np.arange(min(_VALIDATION_IMAGES, len(held_out)))))
        return x, draw_noise(sizes, (len(x),), generator_for(Stream.VALIDATION_NOISE, 0), like=x)

    @cached_property
    def _own(self) -> slice:
        return self.group.rows(self.size)

    def _own_positions(self, step: int) -> Indices:
        return self.positions(step)[self._own]

    def _read(self, step: int) -> Tensor:
        batch = self.data.train.batch(self._own_positions(step))
        # a copy from pinned memory runs beside the device's work
        return batch.pin_memory() if self.device.type == "cuda" else batch

    def _placed(self, images: Tensor) -> Tensor:
        on_device = images.to(self.device, non_blocking=True)
        return on_device.contiguous(memory_format=torch.channels_last)


@lru_cache(maxsize=2)
def _epoch_order(seed: int, epoch: int, count: int) -> Indices:
    order: Indices = numpy_generator_for(Stream.EPOCH_ORDER, seed, epoch).permutation(count)
    return order
