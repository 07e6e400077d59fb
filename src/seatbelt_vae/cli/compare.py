"""``compare``: write an HTML page of robustness against the ELBO, and of audits."""

from seatbelt_vae.cli.options import Compare
from seatbelt_vae.cli.stdout import print_json
from seatbelt_vae.cli.targets import check_more_than_an_audit
from seatbelt_vae.runs.contents import is_contents

__all__ = ["run"]


def run(options: Compare) -> None:
    """Write the page and print its path."""
    from seatbelt_vae.report import write_comparison
    from seatbelt_vae.results import Store

    check_more_than_an_audit([path for path in options.folders if not is_contents(path)])
    store = Store.open(options.folders)
    written = write_comparison(store, options.out, suite=options.suite, against=options.against)
    if options.output.json:
        print_json({"comparison": str(written)})
    else:
        print(f"comparison: {written}")
