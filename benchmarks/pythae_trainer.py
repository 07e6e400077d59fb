"""Pythae's β-TCVAE, trainer and loader on the networks of `benchmarks.training`."""

import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pythae.models import BetaTCVAE, BetaTCVAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor

from seatbelt_vae.config import ModelConfig, resolve
from seatbelt_vae.models import HierarchicalVAE

__all__ = ["MODEL", "UNITS", "PythaeProcess", "networks"]

UNITS = 64
MODEL = ModelConfig("beta-tcvae", latent_sizes=(UNITS,))


def networks() -> HierarchicalVAE:
    """The model with unfused layers, which pythae gets too."""
    return HierarchicalVAE(resolve(MODEL, "dsprites", (1, 64, 64), (-1.0, 1.0)))


class _Encoder(BaseEncoder):
    def __init__(self, model: HierarchicalVAE) -> None:
        BaseEncoder.__init__(self)
        self.layers, self.head = model.encoder, model.posterior_head

    def forward(self, x: Tensor) -> ModelOutput:
        mean, log_variance = self.head(self.layers(x)).chunk(2, -1)
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class _Decoder(BaseDecoder):
    def __init__(self, model: HierarchicalVAE) -> None:
        BaseDecoder.__init__(self)
        self.layers = model.decoder

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z))


class _Images(torch.utils.data.Dataset[dict[str, Tensor]]):
    """Images in memory, as pythae's trainer reads them."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"data": self.images[index]}


class Pythae:
    """A trainer after its preparation."""

    def __init__(self, images: Tensor, batch: int, folder: Path) -> None:
        model = networks()
        config = BetaTCVAEConfig(input_dim=(1, 64, 64), latent_dim=UNITS, use_mss=False)
        vae = BetaTCVAE(config, encoder=_Encoder(model), decoder=_Decoder(model))
        settings = BaseTrainerConfig(
            output_dir=str(folder), per_device_train_batch_size=batch, no_cuda=True
        )
        self._images = _Images(images)
        self._trainer = BaseTrainer(vae, self._images, training_config=settings)
        self._trainer.prepare_training()
        self._batch = self._images.images[:batch]

    def step(self) -> float:
        """Seconds of one step on one batch."""
        began = time.perf_counter()
        output = self._trainer.model(
            {"data": self._batch}, epoch=1, dataset_size=len(self._images), uses_ddp=False
        )
        self._trainer._optimizers_step(output)
        return time.perf_counter() - began

    def epoch(self) -> float:
        """Seconds of one epoch of its trainer."""
        began = time.perf_counter()
        self._trainer.train_step(1)
        return time.perf_counter() - began


class PythaeProcess:
    """A `Pythae` in its own process, with the default settings of that process."""

    def __init__(self, images: Tensor, batch: int, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._asked, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, images.numpy(), batch, threads), daemon=True
        )
        self._process.start()

    def step(self) -> float:
        """As of `Pythae`."""
        return self._ask("step")

    def epoch(self) -> float:
        """As of `Pythae`."""
        return self._ask("epoch")

    def close(self) -> None:
        """End the process."""
        self._asked.send(None)
        self._process.join()

    def _ask(self, what: str) -> float:
        self._asked.send(what)
        seconds: float = self._asked.recv()
        return seconds


def _serve(asked: Connection, images: NDArray[np.float32], batch: int, threads: int) -> None:
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        pythae = Pythae(torch.from_numpy(images), batch, Path(folder))
        while what := asked.recv():
            asked.send(getattr(pythae, what)())
