"""Opens folders saved by the pythae library as subjects."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn.functional import softplus

from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.runs import read_json
from seatbelt_vae.subjects.adapters import wrap
from seatbelt_vae.subjects.subject import Subject, subject_of_model

__all__ = ["open_target", "recognises"]

_CONFIG, _WEIGHTS = "model_config.json", "model.pt"
_LONGEST, _ALLOWED = 100, 1 << 26
_SOFTPLUS = ("HVAE",)
"""Models whose second head is σ before a softplus."""


class _TwoMaps(nn.Module):
    """The encoder and the decoder of a pythae model."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def encode(self, x: Tensor) -> Any:
        """The embedding, with the log-covariance if the model has one."""
        encoded = self.model.encoder(x)
        if self.model.model_name in _SOFTPLUS:
            return Normal(encoded.embedding, softplus(encoded.log_covariance))
        return encoded

    def decode(self, z: Tensor) -> Tensor:
        """The reconstruction."""
        reconstruction: Tensor = self.model.decoder(z).reconstruction
        return reconstruction


class _Quantised(_TwoMaps):
    """A pythae model with a quantiser, which takes codes with channels last."""

    def decode(self, z: Tensor) -> Tensor:
        """The reconstruction from the nearest vectors of the codebook."""
        found: Tensor = self._quantised(z).quantized_vector
        return super().decode(found if z.ndim == 4 else found.flatten(1))

    def tokens(self, x: Tensor) -> Tensor:
        """The indices of the nearest vectors of the codebook."""
        found: Tensor = self._quantised(self.encode(x).embedding).quantized_indices
        return found

    def _quantised(self, z: Tensor) -> Any:
        spatial = z if z.ndim == 4 else z[:, :, None, None].transpose(1, 3)
        return self.model.quantizer(spatial.permute(0, 2, 3, 1), uses_ddp=False)


def recognises(target: str) -> bool:
    """Whether a target is a folder with the configuration and weights of pythae."""
    return (Path(target) / _CONFIG).exists() and (Path(target) / _WEIGHTS).exists()


def open_target(target: str, data: ImageData | None = None) -> Subject:
    """The subject of a saved model with the networks of pythae; inputs are images in [0, 1].

    The weights are read by PyTorch's unpickler of tensors, which executes no code.

    Raises:
        ArtifactError: custom networks, which pythae pickles; files that are missing or damaged.
        ConfigError: pythae is not installed.
        ModelError: no adapter fits.
    """
    del data
    folder = Path(target)
    model = _loaded(folder)
    shape = tuple(model.model_config.input_dim)
    adapted = wrap((_Quantised if hasattr(model, "quantizer") else _TwoMaps)(model), shape)
    return subject_of_model(adapted, folder.resolve().name, source=target, kind="pythae")


def _loaded(folder: Path) -> Any:
    try:
        from pythae import models
        from pythae.models.auto_model.auto_config import AutoConfig
    except ImportError:
        raise ConfigError(f"{folder} needs pythae: pip install 'seatbelt-vae[pythae]'") from None
    custom = sorted(path.name for path in folder.glob("*.pkl"))
    if custom:
        raise ArtifactError(
            f"{folder} holds pickled networks ({', '.join(custom)}), which are not loaded: give "
            f"file.py:function that returns the model"
        )
    settings = read_json(folder / _CONFIG)
    name = settings.get("name", "") if isinstance(settings, dict) else settings
    kind = str(name)[:_LONGEST].removesuffix("Config")
    model_class = getattr(models, kind, None)
    if not isinstance(model_class, type):
        raise ArtifactError(f"{folder / _CONFIG} names the model {kind!r}, which pythae lacks")
    try:
        with torch.device("meta"):
            planned = model_class(AutoConfig.from_json_file(str(folder / _CONFIG)))
        values = sum(weight.numel() for weight in planned.parameters())
    except Exception:  # some models compute with their weights when they are made
        values = 0
    if values > max((folder / _WEIGHTS).stat().st_size, _ALLOWED):
        raise ArtifactError(
            f"{folder / _CONFIG} states {values:,} weights, more than {_WEIGHTS} has bytes: "
            f"restore the file that belongs to it"
        )
    try:
        model = model_class(AutoConfig.from_json_file(str(folder / _CONFIG)))
        stored = torch.load(folder / _WEIGHTS, map_location="cpu", weights_only=True)
        model.load_state_dict(stored["model_state_dict"])
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ArtifactError(f"{folder} cannot be loaded by pythae: {reason}") from None
    return model
