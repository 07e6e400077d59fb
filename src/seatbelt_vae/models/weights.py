"""Stored weights into a model, or one line that says why they are not its own."""

from pathlib import Path

from torch import nn

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs import read_tensors

__all__ = ["WEIGHTS", "load_weights"]

WEIGHTS = "model.safetensors"
"""The file of the weights, in a run folder and in a shared one."""

_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def load_weights(model: nn.Module, folder: Path, described: str, again: str) -> None:
    """Fill a model with the weights of a folder, every tensor of them and no other.

    Args:
        model: takes them; what it held, if anything, is forgotten.
        folder: holds them.
        described: the file beside them that the model was made after, for the message.
        again: what makes the folder anew, likewise.

    Raises:
        ArtifactError: missing, corrupt, pickled, or of other names and shapes.
    """
    path = folder / WEIGHTS
    if not path.exists():
        _refuse_pickles(folder)
    model.to_empty(device="cpu")
    try:
        model.load_state_dict(read_tensors(path))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ArtifactError(
            f"{path} does not fit the architecture in {described} ({reason}): restore the pair of "
            f"files, or {again} again"
        ) from error


def _refuse_pickles(folder: Path) -> None:
    pickled = sorted(path.name for path in folder.glob("*") if path.suffix in _PICKLED)
    if pickled:
        raise ArtifactError(
            f"{folder} holds its weights as {pickled[0]}; pickled weights are refused, opening one "
            f"can run anything: save them again as {WEIGHTS}"
        )
