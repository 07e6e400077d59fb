"""Put the models of runs into the zoo, each under the name of its folder; audit them first.

python docs/zoo.py runs/faces-vae runs/faces-denoising runs/faces-seatbelt
"""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import seatbelt_vae
from seatbelt_vae.data.registry import source_of
from seatbelt_vae.models import load_model, save_model
from seatbelt_vae.report import collect
from seatbelt_vae.runs import RunFolder, atomic_write
from seatbelt_vae.runs.zoo_folder import CARD, ZOO
from seatbelt_vae.sharing import findings

FOLDER = Path(seatbelt_vae.__file__).parent / "zoo"
LICENCE = "mit"


def add(source: Path, folder: Path) -> None:
    """Write the model, the settings without the root of the data, and the card."""
    run, new = RunFolder.open(source), RunFolder(folder)
    config, model = run.config, load_model(run)
    new.store_config(replace(config, data=replace(config.data, root=None)))
    save_model(model, new)
    found, data = findings(*collect([source])), source_of(config.data).load(config.data)
    found["data"] += [f"The training images: {credit}." for credit in data.credits]
    root = "" if config.data.root is None else " --root FOLDER"
    card = model.generate_model_card(
        where=f"{ZOO}{folder.name}",
        licence=LICENCE,
        command=f"seatbelt-vae train {shlex.quote(folder.name)} --config config.toml{root}",
        **found,
    )
    atomic_write(folder / CARD, str(card).encode())


if __name__ == "__main__":
    for source in map(Path, sys.argv[1:]):
        add(source, FOLDER / source.resolve().name)
