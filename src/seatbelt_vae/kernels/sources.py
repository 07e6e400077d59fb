"""The file name of the library, and the digest of its C++ sources; setup.py reads both.

The digest is compiled into the library and compared on loading.
"""

import hashlib
import sys
from pathlib import Path

__all__ = ["LIBRARY", "source_digest"]

LIBRARY = "_native.dll" if sys.platform == "win32" else "_native.so"


def source_digest(folder: Path) -> str | None:
    """SHA-256 of the names and contents of the C++ files in a folder; None without any."""
    files = sorted([*folder.glob("*.cpp"), *folder.glob("*.hpp")])
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest() if files else None
