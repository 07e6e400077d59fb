"""``share``: write the model of a run with a card, and optionally upload it to the Hub."""

import sys

from seatbelt_vae.cli.options import Share
from seatbelt_vae.cli.stdout import print_json
from seatbelt_vae.cli.targets import check_trained

__all__ = ["run"]


def run(options: Share) -> None:
    """Write the folder, upload it with ``--push``, and print its path and address."""
    folder = check_trained(options.folder)

    from seatbelt_vae.sharing import is_edited, push, share

    share(folder, options.out, licence=options.license, where=options.push)
    if is_edited(options.out):
        card = options.out / "README.md"
        print(
            f"card kept: {card} was edited; delete it to write a new card",
            file=sys.stderr,
        )
    address = None
    if options.push is not None:
        address = push(options.out, options.push, private=options.private or None)
    if options.output.json:
        print_json({"shared": str(options.out), "address": address})
    else:
        print(f"shared: {options.out}" if address is None else f"shared: {options.out}, {address}")
