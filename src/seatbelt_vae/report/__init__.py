"""Reports: self-contained HTML pages of one or more runs, and PNG figures."""

from seatbelt_vae.report.attack_picture import attack_picture
from seatbelt_vae.report.collect import Evaluation, Run, Suite, collect
from seatbelt_vae.report.figures import attack_panel
from seatbelt_vae.report.html import write_report
from seatbelt_vae.report.score_page import write_comparison
from seatbelt_vae.report.summary import comparison, summary_rows

__all__ = [
    "Evaluation",
    "Run",
    "Suite",
    "attack_panel",
    "attack_picture",
    "collect",
    "comparison",
    "summary_rows",
    "write_comparison",
    "write_report",
]
