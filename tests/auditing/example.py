"""A complete audit, from the file that an audit of a small VAE could have written."""

import json
from pathlib import Path
from typing import Any

from seatbelt_vae.runs.audit_document import Audit, read_audit

PATH = Path(__file__).parent / "example_audit.json"


def example() -> Audit:
    """The audit."""
    return read_audit(PATH)


def content() -> dict[str, Any]:
    """A new copy of its JSON content."""
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return found
