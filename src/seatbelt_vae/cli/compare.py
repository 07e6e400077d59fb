"""``compare``: write an HTML page of robustness against the ELBO, and of audits."""

from seatbelt_vae.cli.options import Compare
from seatbelt_vae.cli.stdout import print_json

__all__ = ["run"]


def run(options: Compare) -> None:
    """Write the page and print its path."""
    from seatbelt_vae.report import write_comparison
    from seatbelt_vae.results import Store

    store = Store.open(options.folders)
    written = write_comparison(store, options.out, suite=options.suite, against=options.against)
    if options.output.json:
        print_json({"comparison": str(written)})
    else:
        print(f"comparison: {written}")
