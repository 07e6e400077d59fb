"""Tensors on disk as safetensors; pickles are refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from seatbelt_vae.errors import ArtifactError, UnreadableError
from seatbelt_vae.runs.atomic import atomic_write

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["read_about", "read_tensors", "write_tensors"]


def write_tensors(path: Path, tensors: "Mapping[str, Tensor]", about: object = None) -> None:
    """Write named tensors as one safetensors file atomically, with ``about`` as JSON metadata."""
    from safetensors.torch import save

    metadata = None if about is None else {"about": json.dumps(about)}
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    atomic_write(path, save(plain, metadata))


def read_about(path: Path) -> Any:
    """Read the JSON metadata of a file of `write_tensors`; None if it has none.

    Raises:
        ArtifactError: missing, truncated, or another format.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return json.loads((file.metadata() or {}).get("about", "null"))
    except (SafetensorError, OSError, ValueError) as error:
        raise ArtifactError(f"{path} has no readable metadata ({error}): restore it") from error


def read_tensors(path: Path) -> "dict[str, Tensor]":
    """Read the tensors of a safetensors file to the CPU.

    Raises:
        ArtifactError: missing, truncated, or another format, such as a pickle.
        UnreadableError: the system does not let this process read it.
    """
    from safetensors.torch import load

    try:
        return load(path.read_bytes())
    except FileNotFoundError:
        raise ArtifactError(f"no weights at {path}: expected a .safetensors file") from None
    except OSError as error:
        raise UnreadableError.of(path, error) from None
    except (SafetensorError, ValueError) as error:
        raise ArtifactError(
            f"{path} is not a whole safetensors file ({error}); pickled weights (.pt, .bin) are "
            f"refused: save them again as safetensors"
        ) from error
