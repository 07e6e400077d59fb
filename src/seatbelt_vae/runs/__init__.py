"""Run folders: atomic files, Parquet rows, and locks on folders that processes share."""

from seatbelt_vae.runs.atomic import atomic_directory, atomic_write
from seatbelt_vae.runs.digest import digest_of
from seatbelt_vae.runs.formats import FORMAT, checked_format, up_to_date
from seatbelt_vae.runs.json_files import read_json, write_json
from seatbelt_vae.runs.rows import each_part, read_rows, write_rows
from seatbelt_vae.runs.run_folder import RunFolder
from seatbelt_vae.runs.tensors import read_tensors, write_tensors

__all__ = [
    "FORMAT",
    "RunFolder",
    "atomic_directory",
    "atomic_write",
    "checked_format",
    "digest_of",
    "each_part",
    "read_json",
    "read_rows",
    "read_tensors",
    "up_to_date",
    "write_json",
    "write_rows",
    "write_tensors",
]
