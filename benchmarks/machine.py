"""What a figure was measured on."""

import platform
import subprocess
from pathlib import Path

import torch

import seatbelt_vae

__all__ = ["machine"]


def machine() -> dict[str, str | int]:
    """Processor, cores and versions, printed beside every figure."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "seatbelt_vae": seatbelt_vae.__version__,
        "commit": commit.stdout.strip() or "unknown",
    }


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
