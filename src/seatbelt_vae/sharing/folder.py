"""A run's model in a folder of its own that anybody can load, and that folder on the Hub."""

from pathlib import Path
from typing import Any

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.hub import send
from seatbelt_vae.models import HierarchicalVAE, load_model
from seatbelt_vae.models.weights import WEIGHTS
from seatbelt_vae.report import collect
from seatbelt_vae.runs import RunFolder, atomic_directory, digest_of, read_tensors
from seatbelt_vae.sharing.card_file import Told, is_edited, told_before, write_card
from seatbelt_vae.sharing.findings import findings

__all__ = ["push", "share"]


def share(
    run: RunFolder, out: Path, *, licence: str | None = None, where: str | None = None
) -> Path:
    """Write a run's model with a card of what was measured on it, whole or not at all.

    A folder that holds this model already keeps it, and a card that was edited, see `is_edited`;
    any other card is written anew, and repeats a licence and an address that are not given again.

    Args:
        run: a finished run, perhaps attacked and evaluated.
        out: the folder.
        licence: the model's licence, as the Hub abbreviates it, e.g. ``mit``.
        where: what the card says to load it from, e.g. ``owner/name`` (default: the folder).

    Returns:
        ``out``.

    Raises:
        ArtifactError: the run has no whole model, or ``out`` holds something else.
    """
    model = load_model(run)
    found = findings(*collect([run.path]))
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        with atomic_directory(out) as new:
            # the mixin writes no card where there is one
            _write_card(new, model, found, Told(licence, where))
            model.save_pretrained(new)
        return out
    if not _holds(out, model):
        raise ArtifactError(
            f"{out} exists and holds something else than the model of {run.path}: give another "
            f"folder"
        )
    if not is_edited(out):
        before = told_before(out)
        told = Told(licence or before.licence, where or before.where)
        _write_card(out, model, found, told)
    return out


def push(folder: Path, repository: str, *, private: bool | None = None) -> str:
    """Upload a shared folder to the Hugging Face Hub; its address.

    Args:
        folder: written by `share`; whatever lies in it is uploaded.
        repository: ``owner/name``; it is made if it is not there.
        private: whether a new repository is private (default: as its owner has set).

    Raises:
        ArtifactError: no whole shared model there.
        HubError: not logged in, not allowed, or out of reach.
    """
    HierarchicalVAE.from_pretrained(folder)
    return send(folder, repository, private=private)


def _write_card(folder: Path, model: HierarchicalVAE, found: dict[str, Any], told: Told) -> None:
    where = {} if told.where is None else {"where": told.where}
    card = model.generate_model_card(licence=told.licence, **where, **found)
    write_card(folder, str(card), told)


def _holds(out: Path, model: HierarchicalVAE) -> bool:
    if not (out / "config.json").exists() or not (out / WEIGHTS).exists():
        return False
    return digest_of({}, read_tensors(out / WEIGHTS)) == digest_of({}, model.state_dict())
