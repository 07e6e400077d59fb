"""A subject: a model under evaluation, with its name, its origin and its inputs."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seatbelt_vae.config import AdapterConfig, DataConfig, RunConfig, resolve_objective
from seatbelt_vae.data import ImageData, Split
from seatbelt_vae.data.identity import IDENTITY, in_split_of, store_identity
from seatbelt_vae.errors import ConfigError
from seatbelt_vae.models import HierarchicalVAE, fold_batch_norm
from seatbelt_vae.models.inference_rewrite import speed_up
from seatbelt_vae.protocol import (
    Autoencoder,
    bounds_of,
    capabilities_of,
    event_shape_of,
    modules_of,
)
from seatbelt_vae.runs import digest_of
from seatbelt_vae.testing.plausibility import Finding

__all__ = ["Subject", "subject_of_model"]

logger = logging.getLogger(__name__)

_ROUNDING = 1e-6
_AT_ONCE = 4096


@dataclass(frozen=True)
class Subject:
    """An autoencoder under evaluation.

    Args:
        model: the autoencoder, in evaluation mode.
        name: its name in tables and reports.
        kind: ``run``, ``object``, or the kind of the target, such as ``reference`` or ``pythae``.
        source: the folder or the reference it was obtained from.
        digest: digest of its weights.
        data: settings of the data set of the evaluation, if known.
        folder: the folder of its results, if any.
        findings: the checks of its reading on images; None if it was not checked.
        settings: the settings of the user of how the model is read.
        defence: the defence at inference that the model has, as for `defended`.
        undefended: the model without it.
        trained_here: whether the training split of its folder is the one it was trained on, so
            that only held-out images are audited.
        trained_on: name of the data set whose test split was held out in its training, if known.
        training: settings of its training, if known and not stated by the model.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> settings = ModelConfig(preset="vae", network="mlp", features=8)
        >>> architecture = resolve(settings, "dsprites", (1, 8, 8), (-1.0, 1.0))
        >>> subject_of_model(HierarchicalVAE(architecture).eval(), "small").kind
        'object'
    """

    model: Autoencoder
    name: str
    kind: str
    source: str
    digest: str
    data: DataConfig | None = None
    folder: Path | None = None
    findings: tuple[Finding, ...] | None = None
    settings: AdapterConfig = field(default_factory=AdapterConfig)
    defence: str | None = None
    undefended: Autoencoder | None = None
    trained_here: bool = False
    trained_on: str | None = None
    training: RunConfig | None = None

    @cached_property
    def for_inference(self) -> Autoencoder:
        """The model for evaluation and gradients with respect to its input.

        A `HierarchicalVAE` is rewritten by `fold_batch_norm`. Other models stay the same, but their
        parameters no longer require gradients, and their convolutions are computed by `speed_up`.
        """
        if isinstance(self.model, HierarchicalVAE):
            return fold_batch_norm(self.model)
        for module in modules_of(self.model):
            module.requires_grad_(False)
            speed_up(module)
        return self.model

    @property
    def doubts(self) -> tuple[str, ...]:
        """Reasons why the model may not be read as it was meant."""
        return tuple(str(finding) for finding in self.findings or () if finding.raised)

    @property
    def states_its_reading(self) -> bool:
        """Whether the files of the model state how it is read."""
        return self.kind in ("run", "zoo")

    def holds_out(self, data: ImageData) -> bool:
        """Whether the test split of a data set is known to be unseen in training."""
        return self.trained_here or data.name == self.trained_on

    @property
    def trained_as(self) -> RunConfig | None:
        """The settings that the model was trained with, if known."""
        found: RunConfig | None = getattr(self.model, "trained_as", None)
        return self.training or found

    @property
    def place(self) -> Path:
        """The folder of its results.

        Raises:
            ConfigError: the subject has none.
        """
        if self.folder is None:
            raise ConfigError(
                f"subject {self.name!r} has no folder for results: give it one with stored_in(path)"
            )
        return self.folder

    def stored_in(self, folder: Path) -> "Subject":
        """The same subject, with its results in ``folder``."""
        return replace(self, folder=folder)

    def judged_on(self, data: DataConfig | None) -> "Subject":
        """The same subject with the data set of these settings."""
        return replace(self, data=data)

    def images(self, data: ImageData) -> ImageData:
        """A data set in the split of the subject's folder, mapped to the model's bounds.

        The folder of a model of unknown training keeps the first data set that it is judged on.

        Raises:
            ConfigError: the inputs do not have the shape of the model, or no vector is inside its
                bounds.
            ForeignStateError: examples that the folder was made with are missing.
        """
        if tuple(data.image_shape) != event_shape_of(self.model):
            raise ConfigError(
                f"{data.name!r} has inputs of shape {tuple(data.image_shape)}, {self.name!r} takes "
                f"{event_shape_of(self.model)}: give data of that shape, or --image-size"
            )
        if self.folder is not None:
            if self.kind != "run":
                store_identity(self.folder, data)
            elif not (self.folder / IDENTITY).exists():
                logger.warning(
                    "%s was trained by an older version, which did not store which images it was "
                    "trained on: some of the held-out images may be among them if the data changed",
                    self.folder,
                )
            data = in_split_of(self.folder, data)
        bounds = bounds_of(self.model)
        if np.isfinite(data.bounds).all():
            low, high = (torch.as_tensor(bound).cpu().numpy() for bound in bounds)
            return data.within((low, high)) if bounds.finite else data
        return replace(data, train=self._usable(data, "train"), test=self._usable(data, "test"))

    def _usable(self, data: ImageData, name: str) -> Split:
        """The vectors of a split in the model's domain; the number of the others is logged.

        They are inside the bounds, and their codes and reconstructions are finite.
        """
        split: Split = getattr(data, name)
        low, high = (torch.as_tensor(bound).cpu() for bound in bounds_of(self.model))
        slack = (_ROUNDING * (high - low)).nan_to_num(0, 0, 0)
        usable = np.zeros(len(split), bool)
        for places in np.array_split(np.arange(len(split)), -(-len(split) // _AT_ONCE)):
            x = split.batch(places)
            inside = ((x >= low - slack) & (x <= high + slack)).flatten(1).all(1)
            finite = _is_finite(self.model, bounds_of(self.model).clamp(x))
            usable[places] = (inside & finite).numpy()
        if not usable.any():
            raise ConfigError(
                f"{self.name!r} can take no {name} row of {data.name!r}: each is outside its "
                f"bounds or has no finite code; scale the data, or state other bounds"
            )
        if not usable.all():
            _warn_once(
                f"{data.name}: {(~usable).sum()} of {len(usable)} {name} rows are outside the "
                f"bounds of {self.name!r} or have no finite code, and are left out, first row "
                f"{split.indices[~usable][0]}"
            )
        return replace(split, indices=split.indices[usable])

    def about(self) -> dict[str, Any]:
        """The content of ``subject.json``."""
        low, high = (torch.as_tensor(bound).tolist() for bound in bounds_of(self.model))
        return {
            "kind": self.kind,
            "name": self.name,
            "source": self.source,
            "digest": self.digest,
            "event_shape": list(event_shape_of(self.model)),
            "latent_sizes": list(self.model.latent_sizes),
            "bounds": None if self.model.bounds is None else [low, high],
            "capabilities": asdict(capabilities_of(self.model)),
            "assumptions": getattr(self.model, "assumptions", {}),
            "settings": self.settings.given,
            "doubts": list(self.doubts),
            "defence": self.defence,
            "data": None if self.data is None else asdict(self.data),
            "trained_as": self._training,
        }

    @property
    def _training(self) -> dict[str, Any] | None:
        """The preset, β and seed of its training, if known."""
        if (run := self.trained_as) is None:
            return None
        beta, _ = resolve_objective(run.objective, run.model.preset, len(self.model.latent_sizes))
        return {"preset": run.model.preset, "beta": beta, "seed": run.training.seed}


def subject_of_model(
    model: Autoencoder, name: str, *, source: str = "", kind: str = "object", **others: Any
) -> Subject:
    """The subject of a model in memory; ``others`` are ``data`` and ``folder``.

    The digest covers the class, the declared sizes, and all parameters and buffers.
    """
    about = [type(model).__qualname__, list(event_shape_of(model)), list(model.latent_sizes)]
    return Subject(model, name, kind, source, digest_of(about, _state(model)), **others)


def _state(model: Autoencoder) -> Mapping[str, Tensor]:
    """Parameters and buffers by name, in dtypes that NumPy supports."""
    return {
        f"{number}.{name}": tensor.float() if tensor.is_floating_point() else tensor
        for number, module in enumerate(modules_of(model))
        for name, tensor in module.state_dict().items()
    }


@cache
def _warn_once(message: str) -> None:
    logger.warning("%s", message)


@torch.no_grad()
def _is_finite(model: Autoencoder, x: Tensor) -> Tensor:
    """Whether the posterior and the reconstruction of each input are finite."""
    posterior = model.encode(x)
    layers = (part for q in posterior.layers for part in (q.mean, q.std, q.log_variance))
    parts = (*posterior.z, *layers, model.decode(posterior.z).mean)
    return torch.stack([part.flatten(1).isfinite().all(1) for part in parts]).all(0).cpu()
