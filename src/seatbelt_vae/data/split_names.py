"""Splits by the names of folders, arrays and parts of a copy, in any case."""

import re
from collections.abc import Iterable
from typing import Literal

__all__ = ["Role", "roles_of", "split_in"]

Role = Literal["train", "test"]

_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "evaluation", "eval"),
    "test": ("test", "testing"),
}
_SPLIT_OF = {word: split for split, words in _SPLITS.items() for word in words}
_WORDS = re.compile(rf"(?<![a-z])([xy]?)({'|'.join(_SPLIT_OF)})(?![a-z])")


def split_in(name: str) -> tuple[str, str] | None:
    """The split that a name states, and the rest of the name; None if it states no single one.

    Example:
        >>> split_in("x_train"), split_in("Val2017"), split_in("trainImages"), split_in("trains")
        (('train', 'x'), ('validation', '2017'), ('train', 'images'), None)
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    found = list(_WORDS.finditer(words))
    if len(found) != 1:
        return None
    letter, word = found[0].groups()
    before, after = words[: found[0].start()], words[found[0].end() :]
    rest = [part for part in re.split(r"[^a-z0-9]+", f"{before}_{letter}_{after}") if part]
    return _SPLIT_OF[word], "_".join(rest)


def roles_of(names: Iterable[str]) -> dict[str, Role]:
    """The names of training and held-out splits; empty if the names are no splits.

    Names are splits if they differ in the split only and one is for training. The test split is
    held out, or else the validation split; the validation split beside a test split has no role.

    Example:
        >>> roles_of(["Train", "val", "notes"])
        {'Train': 'train', 'val': 'test'}
        >>> roles_of(["train", "bus"]), roles_of(["test_tube", "train_station"])
        ({}, {})
    """
    found = {name: stated for name in names if (stated := split_in(name))}
    splits_of: dict[str, set[str]] = {}
    for name, rest in found.values():
        splits_of.setdefault(rest, set()).add(name)
    whole = [splits for splits in splits_of.values() if len(splits) > 1 and "train" in splits]
    held_out = "test" if any("test" in splits for splits in whole) else "validation"
    return {
        name: "train" if split == "train" else "test"
        for name, (split, rest) in found.items()
        if splits_of[rest] in whole and split in ("train", held_out)
    }
