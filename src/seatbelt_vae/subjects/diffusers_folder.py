"""Opens folders saved by the diffusers library as subjects."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.randomness import Stream, generator_for
from seatbelt_vae.runs import read_json
from seatbelt_vae.subjects.adapters import wrap
from seatbelt_vae.subjects.subject import Subject, subject_of_model

__all__ = ["open_target", "recognises"]

_CONFIG, _CLASS = "config.json", "_class_name"
_BOUNDS = (-1.0, 1.0)


class _TwoMaps(nn.Module):
    """``encode`` and ``decode`` only: ``forward`` of some classes rounds to bytes.

    The scaling factor of latent diffusion is applied by neither.
    """

    def __init__(self, autoencoder: Any) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def encode(self, x: Tensor) -> Any:
        """The output object of the class."""
        return self.autoencoder.encode(x)

    def decode(self, z: Tensor) -> Any:
        """The output object of the class."""
        return self.autoencoder.decode(z)


class _Denoising(_TwoMaps):
    """A class whose ``decode`` draws noise and removes it; the same noise for every code."""

    def decode(self, z: Tensor) -> Any:
        """The output object of the class."""
        # one generator per row: the noise of a row does not depend on its batch
        noise = [generator_for(Stream.DECODER_NOISE, 0) for _ in z]
        return self.autoencoder.decode(z, generator=noise)


class _Quantised(_TwoMaps):
    """A class with a codebook, whose ``decode`` quantises."""

    def tokens(self, x: Tensor) -> Tensor:
        """The indices of the nearest vectors of the codebook."""
        _, _, (_, _, indices) = self.autoencoder.quantize(self.encode(x).latents)
        found: Tensor = indices
        return found.reshape(len(x), -1)


def recognises(target: str) -> bool:
    """Whether a target is a folder with the configuration of a class of diffusers."""
    path = Path(target) / _CONFIG
    if not path.exists():
        return False
    settings = read_json(path)
    return isinstance(settings, dict) and isinstance(settings.get(_CLASS), str)


def open_target(target: str, data: ImageData | None = None) -> Subject:
    r"""The subject of a saved autoencoder, in float32; inputs are images in :math:`[-1, 1]`.

    Raises:
        ArtifactError: the class is no autoencoder, or its weights are missing, pickled or damaged.
        ConfigError: diffusers is not installed, or no data, which gives the size of the images.
        ModelError: no adapter fits.
    """
    folder = Path(target)
    name = read_json(folder / _CONFIG)[_CLASS]
    if data is None:
        raise ConfigError(f"{target} does not state the size of its images: give --data")
    autoencoder = _loaded(folder, str(name))
    model = wrap(_maps_of(autoencoder), tuple(data.image_shape), _BOUNDS)
    return subject_of_model(model, folder.resolve().name, source=target, kind="diffusers")


def _maps_of(autoencoder: Any) -> _TwoMaps:
    if hasattr(autoencoder, "quantize"):
        return _Quantised(autoencoder)
    return (_Denoising if hasattr(autoencoder, "decoder_scheduler") else _TwoMaps)(autoencoder)


def _loaded(folder: Path, name: str) -> Any:
    try:
        import diffusers
    except ImportError:
        raise ConfigError(
            f"{folder} needs diffusers: pip install 'seatbelt-vae[diffusers]'"
        ) from None
    kind = getattr(diffusers, name, None)
    if kind is None or not all(hasattr(kind, method) for method in ("encode", "decode")):
        raise ArtifactError(f"{folder} holds a {name}, expected an autoencoder of diffusers")
    try:
        return kind.from_pretrained(folder, use_safetensors=True, local_files_only=True).float()
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ArtifactError(f"{folder} cannot be loaded by diffusers: {reason}") from None
