"""``report``: write an HTML report of one or more subjects."""

from pathlib import Path

from seatbelt_vae.cli.options import Report
from seatbelt_vae.cli.stdout import print_json
from seatbelt_vae.cli.targets import check_reported

__all__ = ["run"]


def run(options: Report) -> None:
    """Write the report and print its path."""
    folders = [check_reported(path) for path in options.folders]
    single = len(folders) == 1
    out = options.out or (folders[0] if single else Path()) / "report.html"

    from seatbelt_vae.report import write_report

    written = write_report(folders, out)
    if options.output.json:
        print_json({"report": str(written)})
    else:
        print(f"report: {written}")
