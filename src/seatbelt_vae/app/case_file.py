"""The download of an attack: images, rows, settings, pictures, and the command that repeats it."""

import io
import json
import shlex
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from safetensors.torch import save

from seatbelt_vae import __version__
from seatbelt_vae.app.attack_job import AttackJob
from seatbelt_vae.report.drawing.images import AttackedPair, attack_figure
from seatbelt_vae.report.drawing.svg import svg
from seatbelt_vae.runs.json_files import finite

__all__ = ["CASE", "FORMAT", "TENSORS", "case_command", "case_file"]

FORMAT = 1
CASE, TENSORS = "case.json", "images.safetensors"
_DATE = (2026, 1, 1, 0, 0, 0)
_README = """\
An attack of seatbelt-vae {version} on {names}.

Repeat it and compare with what is stored:

    {command}

Names of files have no folders: run it where the files are.

Each folder holds the attack on one model:
{case} has the settings, one row per budget (see docs/rows.md) and the digest of the model;
{tensors} has x, x_t, x* and their reconstructions; panel.svg shows them.
"""


def case_command(jobs: Sequence[AttackJob], name: str) -> str:
    """The command that repeats the attacks of a downloaded file ``name``."""
    targets, options = [job.subject.target for job in jobs], jobs[0].subject.options
    return shlex.join(["seatbelt-vae", "app", *targets, *options, "--repeat", name])


def case_file(jobs: Sequence[AttackJob], name: str) -> bytes:
    """A zip of finished attacks on one pair; equal attacks give equal bytes."""
    command = case_command(jobs, name)
    readme = _README.format(
        version=__version__,
        names=" and ".join(job.subject.name for job in jobs),
        command=command,
        case=CASE,
        tensors=TENSORS,
    )
    content: dict[str, bytes] = {"README.txt": readme.encode()}
    for number, job in enumerate(jobs, start=1):
        content |= {f"{number}/{name}": part for name, part in _parts(job, command).items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, part in content.items():
            entry = zipfile.ZipInfo(path, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, part)
    return buffer.getvalue()


def _parts(job: AttackJob, command: str) -> dict[str, bytes]:
    pair, found = job.state.pair, job.state.outcome
    assert pair is not None
    assert found is not None
    about: dict[str, Any] = {
        "format": FORMAT,
        "version": __version__,
        "subject": job.subject.name,
        "digest": job.subject.subject.digest,
        "command": command,
        "config": {k: v for k, v in asdict(job.config).items() if v is not None},
        "rows": finite(found.rows),
        "flags": [{"name": name, "detail": detail} for name, detail in found.flags],
    }
    tensors = {
        "x": pair.x,
        "target": pair.target,
        "adversarial": found.adversarial,
        "reconstruction_x": pair.reconstruction,
        "reconstruction_target": pair.target_reconstruction,
        "reconstruction": found.reconstruction,
    }
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return {
        CASE: (json.dumps(about, indent=1, allow_nan=False) + "\n").encode(),
        TENSORS: save(plain),
        "panel.svg": _panel(job),
    }


def _panel(job: AttackJob) -> bytes:
    pair, found = job.state.pair, job.state.outcome
    assert pair is not None
    assert found is not None
    shares = job.subject.to_shares
    rows = [
        (
            f"ε = {row['level_relative']:.3g}",
            f"gap {float(pair.gap(rebuilt)):.2f}",
            AttackedPair(
                shares(pair.x).float(),
                shares(pair.reconstruction).float(),
                shares(star).float(),
                shares(rebuilt).float(),
                shares(pair.target).float(),
                (0.0, 1.0),
            ),
        )
        for row, star, rebuilt in zip(
            found.rows, found.adversarial, found.reconstruction, strict=True
        )
    ]
    return svg(attack_figure(rows)[0], "case")
