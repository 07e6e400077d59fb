"""A model in a folder of the Hugging Face Hub: config.json, safetensors, a card.

The base is ``huggingface_hub.ModelHubMixin``. The mixin for PyTorch models falls back to pickled
weights, and accepts weights that do not match the model.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import torch
from huggingface_hub import ModelCard, ModelHubMixin
from torch import nn

from seatbelt_vae.config import Architecture, RunConfig
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.hub import fetch, hub_errors
from seatbelt_vae.models.card import model_card
from seatbelt_vae.models.weights import WEIGHTS, load_weights
from seatbelt_vae.runs import (
    FORMAT,
    checked_format,
    read_json,
    up_to_date,
    write_json,
    write_tensors,
)

__all__ = ["Pretrained"]

_CONFIG = "config.json"


class Pretrained(nn.Module, ModelHubMixin):
    """A model that is saved, loaded and pushed with its architecture and its training settings.

    ``save_pretrained(folder)`` and ``push_to_hub(repository)`` come from the mixin; their
    ``model_card_kwargs`` are the arguments of `model_card`.

    Args:
        architecture: sizes, likelihood, bounds.

    Attributes:
        trained_as: the settings of its training run; None if unknown.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.trained_as: RunConfig | None = None

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> Self:
        """A shared model, in evaluation mode, from a folder or from the Hugging Face Hub.

        Args:
            pretrained_model_name_or_path: a folder written by ``save_pretrained`` or `share`, or
                ``owner/name`` of a repository, which is downloaded.
            options: revision, token, cache_dir and others of ``huggingface_hub.hf_hub_download``.

        Raises:
            ArtifactError: files missing, corrupt, pickled, or not matching.
            HubError: the repository does not exist or is not reachable.
        """
        named = pretrained_model_name_or_path
        folder = Path(named)
        if isinstance(named, str) and not folder.is_dir():
            folder = fetch(named, [_CONFIG, WEIGHTS], **options)
        architecture, trained_as = _read_config(folder)
        with torch.device("meta"):  # no draws of initial weights from torch's global generator
            model = cls(architecture)
        load_weights(model, folder, described=_CONFIG, again="share")
        model.trained_as = trained_as
        return model.eval()

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload weights, architecture and card; return the address of the commit.

        Args:
            repo_id: ``owner/name``; the repository is created if it does not exist.
            options: see ``huggingface_hub.ModelHubMixin.push_to_hub``.

        Raises:
            HubError: not logged in, not allowed, or not reachable.
        """
        facts = {"where": repo_id, **(options.pop("model_card_kwargs", None) or {})}
        with hub_errors(repo_id):
            return super().push_to_hub(repo_id, model_card_kwargs=facts, **options)

    def generate_model_card(self, *_: Any, **facts: Any) -> ModelCard:
        """The card of this model, see `model_card`."""
        return model_card(self.architecture, self.trained_as, **facts)

    def _save_pretrained(self, save_directory: Path) -> None:
        config = {
            "format": FORMAT,
            "library_name": "seatbelt-vae",
            "architecture": asdict(self.architecture),
            "settings": None if self.trained_as is None else _without_paths(self.trained_as),
        }
        write_json(save_directory / _CONFIG, config)
        write_tensors(save_directory / WEIGHTS, self.state_dict())


def _without_paths(settings: RunConfig) -> dict[str, Any]:
    """The settings without the folder of the data, which is local."""
    return replace(settings, data=replace(settings.data, root=None)).stored


def _read_config(folder: Path) -> tuple[Architecture, RunConfig | None]:
    path = folder / _CONFIG
    if not path.exists():
        raise ArtifactError(_no_config(folder))
    content = read_json(path)
    found = checked_format(folder, "shared model", content)
    described = up_to_date("architecture", content.get("architecture"), found)
    settings = up_to_date("settings", content.get("settings"), found)
    try:
        architecture = from_dict(Architecture, described, "architecture.")
        if settings is None:
            return architecture, None
        return architecture, from_dict(RunConfig, settings, "settings.")
    except ConfigError as error:
        raise ArtifactError(
            f"{path} describes no model ({error}): restore it, or share again"
        ) from error


def _no_config(folder: Path) -> str:
    if (folder / "run.json").exists():
        return f"{folder} is a run folder, not a shared model: use load_model, or share it first"
    return f"{folder} is no shared model: expected {_CONFIG} and {WEIGHTS}, written by `share`"
