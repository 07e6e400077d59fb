"""The preparation of a data set: its cache file, and how that file is written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seatbelt_vae.data.cache import is_there

__all__ = ["Preparation"]


@dataclass(frozen=True)
class Preparation:
    """A cache file that is written on first use.

    Args:
        cache: the file.
        action: how it is made, such as ``"drawn"`` or ``"prepared from a.npz"``.
        write: writes the file; called with its path.
    """

    cache: Path
    action: str
    write: Callable[[Path], None]

    def file(self) -> Path:
        """The cache file, written first if it does not exist.

        Raises:
            DataError: the source files are missing, corrupt or not as expected.
            ArtifactError: the cache file cannot be written.
        """
        if not is_there(self.cache):
            self.write(self.cache)
        return self.cache

    @property
    def state(self) -> str:
        """One line: the set is ready, or the work that its first use does."""
        if is_there(self.cache):
            return f"ready in {self.cache}"
        return f"will be {self.action} into {self.cache} when first used"
