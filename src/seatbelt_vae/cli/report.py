"""``report``: write an HTML report of one or more subjects, or of an audit."""

from pathlib import Path

from seatbelt_vae.cli.options import Report
from seatbelt_vae.cli.stdout import print_json
from seatbelt_vae.cli.targets import check_reported, has_only_an_audit, results_folder
from seatbelt_vae.runs.contents import audit_folder

__all__ = ["run"]


def run(options: Report) -> None:
    """Write the report and print its path."""
    folders = [results_folder(folder) for folder in options.folders]
    single = len(folders) == 1
    out = options.out or (folders[0] if single else Path()) / "report.html"
    audit = audit_folder(folders[0]) if single and has_only_an_audit(folders[0]) else None
    if audit is not None:
        from seatbelt_vae.auditing.page import write_audit_report

        written = write_audit_report(audit, options.out)
    else:
        reported = [check_reported(path) for path in folders]

        from seatbelt_vae.report import write_report

        written = write_report(reported, out)
    if options.output.json:
        print_json({"report": str(written)})
    else:
        print(f"report: {written}")
