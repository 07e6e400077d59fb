"""Atomic writing of JSON files, and reading with errors that name the file."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatbelt_vae.errors import ArtifactError, UnreadableError
from seatbelt_vae.runs.atomic import atomic_write

__all__ = ["finite", "read_json", "write_json"]


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as a JSON file atomically."""
    atomic_write(path, (json.dumps(content, indent=1) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ArtifactError: missing, or not valid JSON.
        UnreadableError: the system does not let this process read it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing: the work is not complete, resume it") from None
    except OSError as error:
        raise UnreadableError.of(path, error) from None
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is not valid JSON ({error}): restore or remake it") from None


def finite(value: Any) -> Any:
    """Plain data with None for every number that is not finite, which JSON cannot express.

    Example:
        >>> finite({"values": (1.5, float("nan"))})
        {'values': [1.5, None]}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
