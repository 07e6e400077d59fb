"""Training steps and validation of one model, and their state."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor
from torch.nn.utils import (
    clip_grads_with_norm_,
    convert_conv2d_weight_memory_format,
    get_total_norm,
)

from seatbelt_vae.config import RunConfig, resolve
from seatbelt_vae.data import ImageData
from seatbelt_vae.data.registry import latent_sizes_of
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.models import HierarchicalVAE, for_training
from seatbelt_vae.objectives import Objective, PenaltySetup
from seatbelt_vae.objectives.elbo import Terms
from seatbelt_vae.optim import Adam
from seatbelt_vae.parallel.process_group import process_group
from seatbelt_vae.randomness import Stream, seeded_for
from seatbelt_vae.training.average import AveragedModel
from seatbelt_vae.training.batches import Batches
from seatbelt_vae.training.device_images import DeviceImages
from seatbelt_vae.training.health import Health
from seatbelt_vae.training.penalty_parts import PenaltyParts
from seatbelt_vae.training.rates import learning_rate, steps_of
from seatbelt_vae.training.state import load_weights, weights

__all__ = ["Trainer"]


class Trainer:
    """A model, its optimiser, its objective and its data.

    Args:
        settings: the settings of the run.
        data: the data set named in the settings.

    Raises:
        ConfigError: settings that do not fit the data, or no GPU for device ``cuda``.
    """

    def __init__(self, settings: RunConfig, data: ImageData) -> None:
        config = self.config = settings.training
        shape, sizes = data.channels_height_width, latent_sizes_of(data.name)
        architecture = resolve(settings.model, data.name, shape, data.bounds, sizes)
        if config.device == "cuda" and not torch.cuda.is_available():
            raise ConfigError(
                "device is cuda, but torch finds no such GPU: use --device auto or cpu, or install "
                "torch for CUDA where there is one"
            )
        # accelerate stores the precision per process: reset it, since another run may differ
        AcceleratorState._reset_state(reset_partial_state=True)
        self._accelerator = Accelerator(
            cpu=config.device == "cpu",
            mixed_precision="no" if config.precision == "float32" else "bf16",
        )
        self.device = self._accelerator.device
        self.batches = Batches(data, config.batch_size, config.seed, self.device)
        self.steps = steps_of(config, len(data.train))
        with seeded_for(Stream.WEIGHTS, config.seed):
            self.model = HierarchicalVAE(architecture)
        self.model = convert_conv2d_weight_memory_format(
            self.model.to(self.device), torch.channels_last
        )
        for_training(self.model)
        self._optimizer = Adam(self.model, config.learning_rate)
        self._average = None
        if config.ema_decay is not None:
            self._average = AveragedModel(self.model, config.ema_decay)
        setup = PenaltySetup(
            architecture.latent_sizes,
            len(data.train),
            settings.objective,
            config.seed,
            self.device,
            examples=self.batches.examples,
        )
        self._objective = Objective.of(settings.model.preset, setup)
        self._parts = PenaltyParts(self._objective.penalties)
        self._health = Health(self._objective)
        self._group = process_group()

    @property
    def result(self) -> HierarchicalVAE:
        """The trained model, with averaged weights if ``ema_decay`` is set."""
        return self.model if self._average is None else self._average.model

    def keep_images_on_device(self) -> None:
        """Copy the training images to the GPU if they fit."""
        on_device = DeviceImages.if_it_fits(self.batches.data, self.device)
        self.batches = replace(self.batches, on_device=on_device)

    def step(self, step: int, x: Tensor) -> dict[str, float]:
        """One step of every optimiser on this process's images; the terms of the batch, nats."""
        self.model.train()
        self._optimizer.learning_rate = rate = learning_rate(self.config, step, self.steps)
        noise = self.batches.noise(step, self.model.latent_sizes, x)
        with self._accelerator.autocast():
            terms = self._objective(self.model, x, noise, step)
        self._optimizer.zero_grad()
        self._accelerator.backward(-terms.objective)
        self._group.average_gradients(self.model.parameters())
        read = self._read(terms)
        chosen = self.batches.data.train.indices[self.batches.positions(step)[:3]]
        self._health.check(step, read, f"images {', '.join(map(str, chosen))}, …")
        if (limit := self.config.gradient_clip) is not None:
            norm = torch.tensor(read["gradient_norm"])
            clip_grads_with_norm_(self.model.parameters(), limit, norm)
        self._optimizer.step()
        read |= self._parts.step(terms.code, step)
        if self._average is not None:
            self._average.update(self.model, step)
        return {**read, "learning_rate": rate}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The ELBO, its parts and the active units of each layer on fixed held-out images."""
        model = self.result.eval()
        x, noise = self.batches.validation(model.latent_sizes)
        # in float32 at any training precision, because the model is used in float32
        terms = Objective()(model, x, noise)
        counts = terms.active_units(self._objective.free_bits, self._objective.free_bits_group)
        active = {f"active_{i}": count for i, count in enumerate(counts, start=1)}
        return {name: float(value) for name, value in terms.named().items()} | active

    def tensors(self) -> dict[str, Tensor]:
        """The state that the next step depends on."""
        state = weights("model", self.model) | self._optimizer.tensors("adam")
        state |= self._health.tensors() | self._parts.tensors()
        if self._average is not None:
            state |= weights("average", self._average.model)
        return state

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        load_weights("model", self.model, tensors)
        self._optimizer.load("adam", tensors)
        self._health.load(tensors)
        self._parts.load(tensors)
        if self._average is not None:
            load_weights("average", self._average.model, tensors)

    def _read(self, terms: Terms) -> dict[str, float]:
        """The terms of the whole batch, in one transfer from the device."""
        named = terms.named()
        values = self._group.mean(torch.stack([value.detach() for value in named.values()]))
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        read = torch.cat([values, get_total_norm(gradients)[None]]).tolist()
        return dict(zip([*named, "gradient_norm"], read, strict=True))
