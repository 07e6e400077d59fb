"""What is trained, and one step of it."""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format, get_total_norm
from torch.optim import Adam

from seatbelt_vae.config import PRESETS, RunConfig, resolve
from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.models import HierarchicalVAE, for_training
from seatbelt_vae.objectives import Objective
from seatbelt_vae.objectives.elbo import Terms
from seatbelt_vae.randomness import Stream, seeded_for
from seatbelt_vae.training.adversary import Adversary
from seatbelt_vae.training.average import AveragedModel
from seatbelt_vae.training.batches import Batches
from seatbelt_vae.training.gradients import average_gradients
from seatbelt_vae.training.health import Health
from seatbelt_vae.training.resident import Resident
from seatbelt_vae.training.state import load_moments, load_weights, moments, weights
from seatbelt_vae.workers import averaged

__all__ = ["Trainee"]


class Trainee:
    """A model, what moves it, and what it is trained on.

    Args:
        settings: of the run.
        data: the data set they name.

    Raises:
        ConfigError: settings that do not fit the data, or a GPU that is not there.
    """

    def __init__(self, settings: RunConfig, data: ImageData) -> None:
        config, self._config = settings.training, settings.training
        architecture = resolve(settings.model, data.name, data.image_shape, data.bounds)
        if config.device == "cuda" and not torch.cuda.is_available():
            raise ConfigError(
                "device is cuda, but torch finds no such GPU: use --device auto or cpu, or install "
                "torch for CUDA where there is one"
            )
        # accelerate keeps one state a process; a second run may want another precision
        AcceleratorState._reset_state(reset_partial_state=True)
        self._accelerator = Accelerator(
            cpu=config.device == "cpu",
            mixed_precision="no" if config.precision == "float32" else "bf16",
        )
        self.device = self._accelerator.device
        self.batches = Batches(data, config.batch_size, config.seed, self.device)
        self.steps = config.steps or config.epochs * self.batches.per_epoch
        with seeded_for(Stream.WEIGHTS, config.seed):
            self.model = HierarchicalVAE(architecture)
        self.model = convert_conv2d_weight_memory_format(
            self.model.to(self.device), torch.channels_last
        )
        for_training(self.model)
        self._optimizer = Adam(self.model.parameters(), lr=config.learning_rate, fused=True)
        self._average = None
        if config.ema_decay is not None:
            self._average = AveragedModel(self.model, config.ema_decay)
        self._adversary = None
        if PRESETS[settings.model.preset].objective == "factor":
            self._adversary = Adversary(architecture.latent_sizes[-1], config.seed, self.device)
        self._objective = Objective.of(
            settings.model.preset,
            settings.objective,
            architecture.depth,
            len(data.train),
            None if self._adversary is None else self._adversary.ratio,
        )
        self._health = Health(self._objective)

    @property
    def result(self) -> HierarchicalVAE:
        """The model as it will be used: the averaged one where weights are averaged."""
        return self.model if self._average is None else self._average.model

    def keep_images_on_device(self) -> None:
        """Copy the training images to a GPU that has room for them."""
        resident = Resident.if_it_fits(self.batches.data, self.device)
        self.batches = replace(self.batches, resident=resident)

    def step(self, step: int, x: Tensor) -> dict[str, float]:
        """One step of every optimiser on this worker's images; the whole batch's terms, nats."""
        self.model.train()
        rate = 0.5 * self._config.learning_rate * (1 + math.cos(math.pi * (step - 1) / self.steps))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        noise = self.batches.noise(step, self.model.latent_sizes, x)
        with self._accelerator.autocast():
            terms = self._objective(self.model, x, noise, step)
        self._optimizer.zero_grad()
        self._accelerator.backward(-terms.objective)
        average_gradients(self.model)
        read = self._read(terms)
        chosen = self.batches.data.train.indices[self.batches.positions(step)[:3]]
        self._health.check(step, read, f"images {', '.join(map(str, chosen))}, …")
        self._optimizer.step()
        if self._adversary is not None:
            loss = self._adversary.step(terms.code, step)
            read["discriminator_loss"] = float(averaged(loss))
        if self._average is not None:
            self._average.update(self.model, step)
        return {**read, "learning_rate": rate}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """The ELBO, its parts and the active units of each layer on fixed held-out images."""
        model = self.result.eval()
        x, noise = self.batches.validation(model.latent_sizes)
        # in float32 whatever the precision of steps, as the model is used
        terms = Objective("elbo", 1.0, 0.0, "unit", "mws", len(x))(model, x, noise)
        active = {f"active_{i}": n for i, n in enumerate(terms.active_units, start=1)}
        return {name: float(value) for name, value in terms.named().items()} | active

    def tensors(self) -> dict[str, Tensor]:
        """All that the next step depends on."""
        found = weights("model", self.model) | moments("adam", self.model, self._optimizer)
        found |= self._health.tensors()
        if self._average is not None:
            found |= weights("average", self._average.model)
        if self._adversary is not None:
            ratio, optimizer = self._adversary.ratio, self._adversary.optimizer
            found |= weights("discriminator", ratio)
            found |= moments("discriminator_adam", ratio, optimizer)
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        load_weights("model", self.model, tensors)
        load_moments("adam", self.model, self._optimizer, tensors)
        self._health.load(tensors)
        if self._average is not None:
            load_weights("average", self._average.model, tensors)
        if self._adversary is not None:
            ratio, optimizer = self._adversary.ratio, self._adversary.optimizer
            load_weights("discriminator", ratio, tensors)
            load_moments("discriminator_adam", ratio, optimizer, tensors)

    def _read(self, terms: Terms) -> dict[str, float]:
        """The terms of the whole batch, read from the device at once."""
        named = terms.named()
        values = averaged(torch.stack([value.detach() for value in named.values()]))
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        read = torch.cat([values, get_total_norm(gradients)[None]]).tolist()
        return dict(zip([*named, "gradient_norm"], read, strict=True))
