"""Loading of stored weights into a model."""

from pathlib import Path

from torch import nn

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs import read_tensors

__all__ = ["WEIGHTS", "load_weights"]

WEIGHTS = "model.safetensors"
"""The file of the weights, in a run folder and in a shared one."""

_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def load_weights(model: nn.Module, folder: Path, described: str, again: str) -> None:
    """Load the weights of a folder; names and shapes must be exactly those of the model.

    Args:
        model: receives the weights, on the CPU; it may be on the meta device before.
        folder: holds the weights.
        described: file of the architecture, for the message.
        again: command that writes the folder, for the message.

    Raises:
        ArtifactError: weights missing, corrupt, pickled, or with other names and shapes.
    """
    path = folder / WEIGHTS
    if not path.exists():
        _refuse_pickles(folder)
    types = {name: tensor.dtype for name, tensor in model.state_dict().items()}
    stored = read_tensors(path).items()
    copies = {name: tensor.to(types.get(name), copy=True) for name, tensor in stored}
    try:
        # a model on the meta device gets the tensors; filling it with empty ones imports SymPy
        model.load_state_dict(copies, assign=True)
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
            f"{folder} holds its weights as {pickled[0]}; pickled weights are refused, because "
            f"loading one can run any code: save them again as {WEIGHTS}"
        )
