"""A model in a folder: its architecture as JSON, its weights as safetensors."""

import dataclasses

import torch

from seatbelt_vae.config.model import Architecture
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.models.hierarchical import HierarchicalVAE
from seatbelt_vae.runs import RunFolder, read_tensors, write_tensors

__all__ = ["load_model", "save_model"]


def save_model(model: HierarchicalVAE, folder: RunFolder) -> None:
    """Write ``model.json`` and ``model.safetensors``, each whole or not at all.

    Raises:
        ArtifactError: the folder cannot be written.
    """
    folder.write_json("model.json", dataclasses.asdict(model.architecture))
    write_tensors(folder.path / "model.safetensors", model.state_dict())


def load_model(folder: RunFolder) -> HierarchicalVAE:
    """The trained model of a run folder, in evaluation mode.

    Raises:
        ArtifactError: files missing, corrupt, or not of one another.
    """
    try:
        architecture = from_dict(Architecture, folder.read_json("model.json"))
    except ConfigError as error:
        raise ArtifactError(
            f"{folder.path / 'model.json'} describes no model ({error}): restore it, or train again"
        ) from error
    with torch.device("meta"):  # initial weights would be drawn from torch's own generator
        model = HierarchicalVAE(architecture)
    model.to_empty(device="cpu")
    path = folder.path / "model.safetensors"
    try:
        model.load_state_dict(read_tensors(path))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ArtifactError(
            f"{path} does not fit the architecture in model.json ({reason}): restore the pair of "
            f"files, or train again"
        ) from error
    return model.eval()
