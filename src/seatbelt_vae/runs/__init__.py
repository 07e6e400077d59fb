"""Run folders: atomic files, Parquet rows, settings, tensors and format versions."""

from seatbelt_vae.runs.atomic import atomic_directory, atomic_write
from seatbelt_vae.runs.digest import digest_of
from seatbelt_vae.runs.formats import FORMAT, by_first_names, checked_format, up_to_date
from seatbelt_vae.runs.json_files import read_json, write_json
from seatbelt_vae.runs.rows import column_names, each_part, read_rows, write_rows
from seatbelt_vae.runs.run_folder import RunFolder
from seatbelt_vae.runs.settings import read_settings, write_settings
from seatbelt_vae.runs.suites import SUITE, read_suite, suite_file, suite_folders
from seatbelt_vae.runs.tensors import read_about, read_tensors, write_tensors

__all__ = [
    "FORMAT",
    "SUITE",
    "RunFolder",
    "atomic_directory",
    "atomic_write",
    "by_first_names",
    "checked_format",
    "column_names",
    "digest_of",
    "each_part",
    "read_about",
    "read_json",
    "read_rows",
    "read_settings",
    "read_suite",
    "read_tensors",
    "suite_file",
    "suite_folders",
    "up_to_date",
    "write_json",
    "write_rows",
    "write_settings",
    "write_tensors",
]
