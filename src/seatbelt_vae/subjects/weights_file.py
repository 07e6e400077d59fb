"""Opens weight files (.safetensors) of known networks as subjects.

To add a network, write an adapter with ``fits(tensors)``, ``adapt(tensors)`` and
``trained_as(path)``, the settings of its training if known, and list it.
"""

from pathlib import Path

from seatbelt_vae.data import ImageData
from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs import read_tensors
from seatbelt_vae.runs.checked_files import no_such_path
from seatbelt_vae.subjects.adapters import disentangling_vae
from seatbelt_vae.subjects.subject import Subject, subject_of_model

__all__ = ["open_target", "recognises"]

_NETWORKS = (disentangling_vae,)


def recognises(target: str) -> bool:
    """Whether a target is a file of weights."""
    return Path(target).suffix == ".safetensors"


def open_target(target: str, data: ImageData | None = None) -> Subject:
    """The subject of a file of weights; the network follows from the names of the tensors.

    Raises:
        ArtifactError: the file is missing or damaged, or no network has these names.
    """
    del data
    path = Path(target)
    if not path.exists():
        raise no_such_path(path)
    tensors = read_tensors(path)
    for network in _NETWORKS:
        if network.fits(tensors):
            model = network.adapt(tensors)
            about = {"source": target, "kind": "weights", "training": network.trained_as(path)}
            return subject_of_model(model, path.stem, **about)
    known = ", ".join(network.__name__.rpartition(".")[2] for network in _NETWORKS)
    raise ArtifactError(
        f"{path} holds weights of no known network ({known}): give file.py:function that builds "
        f"the network and loads them"
    )
