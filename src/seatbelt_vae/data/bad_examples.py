"""What becomes of bad files and examples while a set is prepared."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from seatbelt_vae.errors import DataError

__all__ = ["Screen"]


@dataclass
class Screen:
    """Stops at the first bad one, or leaves all of them out and counts them.

    Args:
        skip_bad: leave them out.
        errors: of those left out so far, in their order.

    Example:
        >>> screen = Screen(skip_bad=True)
        >>> with screen.each():
        ...     raise DataError("a.png is damaged")
        >>> screen.notes
        ('1 bad left out: a.png is damaged',)
    """

    skip_bad: bool
    errors: list[str] = field(default_factory=list)

    @contextmanager
    def each(self) -> Iterator[None]:
        """Around the reading of one; what follows its error in the block is not done.

        Raises:
            DataError: it is bad, and none may be left out.
        """
        try:
            yield
        except DataError as error:
            self.refuse(error)

    def refuse(self, error: DataError) -> None:
        """Count a bad one, or raise its error with advice."""
        if not self.skip_bad:
            raise DataError(f"{error}; leave bad ones out with skip_bad") from error
        self.errors.append(str(error))

    @property
    def notes(self) -> tuple[str, ...]:
        """How many were left out, and why the first was; empty if none."""
        if not self.errors:
            return ()
        first = ": " if len(self.errors) == 1 else ", the first: "
        return (f"{len(self.errors):,} bad left out{first}{self.errors[0]}",)
