"""``report``: write an HTML report of one or more subjects, or of an audit."""

from pathlib import Path

from seatbelt_vae.cli.options import Report
from seatbelt_vae.cli.stdout import print_json
from seatbelt_vae.cli.targets import check_reported, results_folder
from seatbelt_vae.runs.audit_document import AUDIT
from seatbelt_vae.runs.contents import is_contents

__all__ = ["run"]


def run(options: Report) -> None:
    """Write the report and print its path."""
    folders = [results_folder(folder) for folder in options.folders]
    single = len(folders) == 1
    out = options.out or (folders[0] if single else Path()) / "report.html"
    if single and (folders[0] / AUDIT).exists() and not is_contents(folders[0]):
        from seatbelt_vae.auditing.page import write_audit_report

        written = write_audit_report(folders[0], out)
    else:
        reported = [check_reported(path) for path in folders]

        from seatbelt_vae.report import write_report

        written = write_report(reported, out)
    if options.output.json:
        print_json({"report": str(written)})
    else:
        print(f"report: {written}")
