"""The two list files of CelebA, in the published format (.txt) or as .csv."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from seatbelt_vae.data.cache import is_there
from seatbelt_vae.data.readers.reading import reading
from seatbelt_vae.errors import DataError

__all__ = ["ATTRIBUTES", "PARTITION", "list_file", "read_attributes", "read_partition"]

ATTRIBUTES, PARTITION = "list_attr_celeba", "list_eval_partition"

_ENDINGS = (".txt", ".csv")


def list_file(folder: Path, name: str) -> Path | None:
    """The path of a list file, or None if the folder has none."""
    paths = (folder / f"{name}{ending}" for ending in _ENDINGS)
    return next((path for path in paths if is_there(path)), None)


def read_attributes(path: Path) -> tuple[tuple[str, ...], dict[str, tuple[int, ...]]]:
    """Names of the attributes, and their values 0 or 1 for each photograph, such as "000001".

    Raises:
        DataError: a line without a file name and one -1 or 1 per attribute.
    """
    lines = _lines(path)
    if path.suffix == ".txt":
        # the first line is the count; the second has no heading for the column of photographs
        next(lines, None)
        _, names = next(lines, (0, []))
    else:
        _, (_, *names) = next(lines, (0, [""]))
    values = _values(path, lines, len(names), allowed=(-1, 1))
    return tuple(names), {name: tuple(int(v > 0) for v in row) for name, row in values.items()}


def read_partition(path: Path) -> dict[str, int]:
    """The part of each photograph: 0 training, 1 validation, 2 test.

    Raises:
        DataError: a line that is not a photograph and 0, 1 or 2.
    """
    lines = _lines(path)
    if path.suffix == ".csv":
        next(lines, None)
    return {name: part for name, (part,) in _values(path, lines, 1, allowed=(0, 1, 2)).items()}


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and words of the lines that are not empty."""
    try:
        with reading(path):
            text = path.read_text("ascii")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text: {error}; get it anew") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if words := line.replace(",", " ").split():
            yield number, words


def _values(
    path: Path, lines: Iterator[tuple[int, list[str]]], count: int, allowed: tuple[int, ...]
) -> dict[str, tuple[int, ...]]:
    texts = {str(value): value for value in allowed}
    found: dict[str, tuple[int, ...]] = {}
    for number, (name, *words) in lines:
        if len(words) != count or not texts.keys() >= set(words):
            raise DataError(
                f"{path}, line {number}: got {len(words)} values, expected a photograph's name and "
                f"{count} of {', '.join(texts)}; get the file anew"
            )
        found[PurePosixPath(name).stem] = tuple(texts[word] for word in words)
    if not found:
        raise DataError(f"{path} lists no photograph: get it anew")
    return found
