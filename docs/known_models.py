"""Write the known models of audits from the audits of these models.

python docs/known_models.py audits/*/audit/audit.json
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import seatbelt_vae
from seatbelt_vae.auditing.placement import KNOWN_MODELS, unexplained_variance
from seatbelt_vae.auditing.verdict import HEADLINE
from seatbelt_vae.runs.audit_document import read_audit


def entries(paths: Iterable[Path]) -> list[dict[str, str | float]]:
    """One entry per audit with the headline metric, by name."""
    found = []
    for path in paths:
        audit = read_audit(path)
        result, unexplained = audit.result(HEADLINE), unexplained_variance(audit.checks)
        if result is not None and result.value is not None and unexplained is not None:
            found.append(
                {
                    "name": audit.target.name,
                    "unexplained_variance": round(unexplained, 4),
                    "value": round(result.value, 4),
                }
            )
    return sorted(found, key=lambda entry: str(entry["name"]))


if __name__ == "__main__":
    place = Path(seatbelt_vae.__file__).parent / "auditing" / KNOWN_MODELS
    place.write_text(json.dumps(entries(map(Path, sys.argv[1:])), indent=1) + "\n")
