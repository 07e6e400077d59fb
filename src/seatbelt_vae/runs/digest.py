"""A short digest of settings and tensors, used to match stored work to its settings."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["digest_of"]


def digest_of(settings: Any, tensors: "Mapping[str, Tensor] | None" = None) -> str:
    """The first 16 hexadecimal digits of SHA-256 over settings (as JSON) and tensors (by name).

    Example:
        >>> digest_of({"beta": 4}) == digest_of({"beta": 4}) != digest_of({"beta": 5})
        True
    """
    state = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, tensor in sorted((tensors or {}).items()):
        array = tensor.detach().cpu().contiguous().numpy()
        state.update(f"{name}{array.dtype}{array.shape}".encode())
        state.update(array.tobytes())
    return state.hexdigest()[:16]
