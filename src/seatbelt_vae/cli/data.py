"""``data``: list, prepare and check data sets."""

from collections.abc import Mapping
from dataclasses import asdict

from seatbelt_vae.cli.options import Data, DataCheck, DataList, DataPrepare
from seatbelt_vae.cli.stdout import print_json, print_table
from seatbelt_vae.errors import DataError

__all__ = ["run"]

_LISTED = 20


def run(options: Data) -> None:
    """List, prepare or check data sets."""
    match options.action:
        case DataList():
            _list(options.action)
        case DataPrepare():
            _prepare(options.action)
        case DataCheck():
            _check(options.action)


def _list(options: DataList) -> None:
    from seatbelt_vae.data import list_sets

    sets = list_sets(options.root)
    if options.output.json:
        print_json({"data_sets": [asdict(entry) for entry in sets]})
        return
    for entry in sets:
        print(entry.name)
        for label in ("summary", "origin", "state"):
            print(f"    {label + ':':<9}{getattr(entry, label)}")


def _prepare(options: DataPrepare) -> None:
    from seatbelt_vae.data import prepare
    from seatbelt_vae.runs import atomic_write

    ready = prepare(
        options.name,
        options.root,
        options.image_size,
        download=options.download,
        **options.chosen_reading,
    )
    if options.sheet is not None:
        atomic_write(options.sheet, ready.contact_sheet)
    data = ready.data
    if options.output.json:
        sheet = None if options.sheet is None else str(options.sheet)
        print_json(
            {
                "name": options.name,
                "train": len(data.train),
                "test": len(data.test),
                "image_shape": list(data.image_shape),
                "sheet": sheet,
                "notes": list(data.notes),
            }
        )
        return
    print(
        f"{options.name} is ready: {len(data.train):,} training and {len(data.test):,} test images"
    )
    for note in data.notes:
        print(f"note: {note}")
    if options.sheet is not None:
        print(f"contact sheet: {options.sheet}")


def _check(options: DataCheck) -> None:
    from seatbelt_vae.data import check

    facts = check(options.name, options.root, options.image_size, **options.chosen_reading)
    if facts.problems:
        raise DataError(f"{options.name}: {'; '.join(facts.problems)}")
    if options.output.json:
        print_json({"name": options.name, **asdict(facts)})
        return
    shape = "×".join(str(side) for side in facts.image_shape)
    print_table(
        f"{options.name}: no problem found",
        ["property", "value"],
        [
            ["training images", f"{facts.train:,}"],
            ["test images", f"{facts.test:,}"],
            ["channels × height × width", shape],
            ["values", f"{facts.smallest:g} … {facts.largest:g}"],
            *(row for factor in facts.classes.items() for row in _class_rows(*factor)),
        ],
    )
    for note in facts.notes:
        print(f"note: {note}")
    for credit in facts.credits:
        print(f"credit: {credit}")


def _class_rows(factor: str, counts: Mapping[str, tuple[int, int]]) -> list[list[str]]:
    """One row per value of a factor with few values, else one row."""
    if len(counts) <= _LISTED:
        return [
            [f"{factor} {name}", f"{a:,} training, {b:,} test"] for name, (a, b) in counts.items()
        ]
    images = [a + b for a, b in counts.values()]
    found = f"{len(counts):,} values of {min(images):,} to {max(images):,} images"
    return [[factor, found]]
