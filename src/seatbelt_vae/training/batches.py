"""Images and noise of a training step, as functions of the seed and the step alone."""

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
from seatbelt_vae.training.device_images import DeviceImages

__all__ = ["Batches"]

_VALIDATION_IMAGES = 512
_EXAMPLES = 256


@dataclass(frozen=True)
class Batches:
    """The rows of every batch that this process trains on.

    Args:
        data: the data set.
        size: number of rows of a whole batch, over all processes.
        seed: seed of the order and the noise.
        device: device of the batches.
        on_device: the training images, if they are stored on the device.
        group: the processes that share the batches.

    Raises:
        ConfigError: fewer training images than rows in a batch, or a batch that the processes
            cannot share evenly.
    """

    data: ImageData
    size: int
    seed: int
    device: torch.device
    on_device: DeviceImages | None = None
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
        """Number of batches per epoch; a shorter last batch is dropped."""
        return len(self.data.train) // self.size

    def positions(self, step: int) -> Indices:
        """Positions of the training images in the whole batch of a step, counted from 1."""
        epoch, batch = divmod(step - 1, self.per_epoch)
        order = _epoch_order(self.seed, epoch, len(self.data.train))
        return order[batch * self.size : (batch + 1) * self.size]

    def images(self, first: int, last: int) -> Generator[Tensor]:
        """This process's images of steps first … last; the next batch is read in a thread."""
        if self.on_device is not None:
            for step in range(first, last + 1):
                yield self.on_device.batch(self._own_positions(step))
            return
        if first > last:
            return
        with ThreadPoolExecutor(1, "images") as reader:
            pending: Future[Tensor] = reader.submit(self._read, first)
            for step in range(first, last + 1):
                batch = pending.result()
                if step < last:
                    pending = reader.submit(self._read, step + 1)
                yield self._placed(batch)

    def noise(self, step: int, sizes: tuple[int, ...], like: Tensor) -> Noise:
        """This process's rows of the noise of a step, drawn for the whole batch."""
        key = generator_for(Stream.TRAINING_NOISE, self.seed, step)
        whole = draw_noise(sizes, (self.size,), key, like=like)
        return tuple(layer[self._own] for layer in whole)

    def validation(self, sizes: tuple[int, ...]) -> tuple[Tensor, Noise]:
        """Held-out images and their noise, the same at every call."""
        held_out = self.data.test
        x = self._placed(held_out.batch(np.arange(min(_VALIDATION_IMAGES, len(held_out)))))
        return x, draw_noise(sizes, (len(x),), generator_for(Stream.VALIDATION_NOISE, 0), like=x)

    def examples(self) -> Tensor:
        """Training images that are spread evenly over the split, the same at every call."""
        train = self.data.train
        count = min(_EXAMPLES, len(train))
        return train.batch(np.linspace(0, len(train) - 1, count).astype(np.int64))

    @cached_property
    def _own(self) -> slice:
        return self.group.rows(self.size)

    def _own_positions(self, step: int) -> Indices:
        return self.positions(step)[self._own]

    def _read(self, step: int) -> Tensor:
        batch = self.data.train.batch(self._own_positions(step))
        # a copy from pinned memory overlaps with computation on the device
        return batch.pin_memory() if self.device.type == "cuda" else batch

    def _placed(self, images: Tensor) -> Tensor:
        on_device = images.to(self.device, non_blocking=True)
        return on_device.contiguous(memory_format=torch.channels_last)


@lru_cache(maxsize=2)
def _epoch_order(seed: int, epoch: int, count: int) -> Indices:
    order: Indices = numpy_generator_for(Stream.EPOCH_ORDER, seed, epoch).permutation(count)
    return order
