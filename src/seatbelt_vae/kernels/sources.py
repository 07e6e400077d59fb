"""The digest of the C++ sources, compiled into the library and compared when it is loaded."""

import hashlib
from pathlib import Path

__all__ = ["source_digest"]


def source_digest(folder: Path) -> str | None:
    """SHA-256 of the names and contents of the C++ files in a folder; None if it has none."""
    files = sorted([*folder.glob("*.cpp"), *folder.glob("*.hpp")])
    found = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        found.update(f"{file.name} {len(content)}\n".encode() + content)
    return found.hexdigest() if files else None
