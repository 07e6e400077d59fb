"""A model in a run folder: its architecture as JSON, its weights as safetensors."""

import dataclasses

import torch

from seatbelt_vae.config.model import Architecture
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.models.hierarchical import HierarchicalVAE
from seatbelt_vae.models.weights import WEIGHTS, load_weights
from seatbelt_vae.runs import RunFolder, up_to_date, write_tensors

__all__ = ["load_model", "save_model"]


def save_model(model: HierarchicalVAE, folder: RunFolder) -> None:
    """Write ``model.json`` and ``model.safetensors``, each atomically.

    Raises:
        ArtifactError: the folder cannot be written.
    """
    folder.write_json("model.json", dataclasses.asdict(model.architecture))
    write_tensors(folder.path / WEIGHTS, model.state_dict())


def load_model(folder: RunFolder) -> HierarchicalVAE:
    """The trained model of a run folder, in evaluation mode, with its training settings.

    Raises:
        ArtifactError: files missing, corrupt, or not matching.
    """
    stored = up_to_date("architecture", folder.read_json("model.json"), folder.format)
    try:
        architecture = from_dict(Architecture, stored)
    except ConfigError as error:
        raise ArtifactError(
            f"{folder.path / 'model.json'} describes no model ({error}): restore it, or train again"
        ) from error
    with torch.device("meta"):  # no draws of initial weights from torch's global generator
        model = HierarchicalVAE(architecture)
    load_weights(model, folder.path, described="model.json", again="train")
    model.trained_as = folder.config
    return model.eval()
