"""The handling of unreadable files and examples while a set is prepared."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from seatbelt_vae.errors import DataError

__all__ = ["BadExamples"]


@dataclass
class BadExamples:
    """Raises an error at the first bad example, or skips and counts bad examples.

    Args:
        skip_bad: skip bad examples.
        errors: error messages of the skipped examples, in order.

    Example:
        >>> bad = BadExamples(skip_bad=True)
        >>> with bad.each():
        ...     raise DataError("a.png is damaged")
        >>> bad.notes
        ('1 bad left out: a.png is damaged',)
    """

    skip_bad: bool
    errors: list[str] = field(default_factory=list)

    @contextmanager
    def each(self) -> Iterator[None]:
        """Context of the reading of one example; a `DataError` ends the block.

        Raises:
            DataError: the example is bad and may not be skipped.
        """
        try:
            yield
        except DataError as error:
            self.refuse(error)

    def refuse(self, error: DataError) -> None:
        """Count a bad example, or raise its error with advice."""
        if not self.skip_bad:
            raise DataError(f"{error}; leave bad ones out with skip_bad") from error
        self.errors.append(str(error))

    @property
    def notes(self) -> tuple[str, ...]:
        """Number of skipped examples and the first error; empty if none was skipped."""
        if not self.errors:
            return ()
        first = ": " if len(self.errors) == 1 else ", the first: "
        return (f"{len(self.errors):,} bad left out{first}{self.errors[0]}",)
