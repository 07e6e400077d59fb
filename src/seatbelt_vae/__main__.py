"""``python -m seatbelt_vae``: the same as the command ``seatbelt-vae``."""

import sys

from seatbelt_vae.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
