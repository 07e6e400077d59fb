"""Writes the model of a run to a shared folder, and uploads the folder to the Hub."""

from pathlib import Path
from typing import Any

from seatbelt_vae.errors import ArtifactError, ConfigError
from seatbelt_vae.hub import send
from seatbelt_vae.models import HierarchicalVAE, load_model
from seatbelt_vae.models.weights import WEIGHTS
from seatbelt_vae.report import collect
from seatbelt_vae.runs import RunFolder, atomic_directory, digest_of, read_tensors
from seatbelt_vae.sharing.card_file import CardOptions, is_edited, stored_options, write_card
from seatbelt_vae.sharing.findings import findings

__all__ = ["push", "share"]


def share(
    run: RunFolder, out: Path, *, licence: str | None = None, where: str | None = None
) -> Path:
    """Write the model of a run with a card of its measurements; the write is atomic.

    If the folder already holds this model, only the card is updated, unless it was edited (see
    `is_edited`). Options that are not given keep the values of the earlier card.

    Args:
        run: a finished run; attacks and an evaluation are optional.
        out: the shared folder.
        licence: licence of the model, as abbreviated on the Hub, such as ``mit``.
        where: repository in the card's loading code, such as ``owner/name`` (default: the folder).

    Returns:
        ``out``.

    Raises:
        ArtifactError: the run has no complete model, or ``out`` has other contents.
        ConfigError: not a run, such as a model.
    """
    if not isinstance(run, RunFolder):
        raise ConfigError(f"a {type(run).__name__} is no run: give RunFolder.open(path)")
    model = load_model(run)
    found = findings(*collect([run.path]))
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        with atomic_directory(out) as new:
            # save_pretrained keeps an existing card
            _write_card(new, model, found, CardOptions(licence, where))
            model.save_pretrained(new)
        return out
    if not _holds(out, model):
        raise ArtifactError(
            f"{out} exists and does not hold the model of {run.path}: give another folder"
        )
    if not is_edited(out):
        before = stored_options(out) or CardOptions()
        options = CardOptions(licence or before.licence, where or before.where)
        _write_card(out, model, found, options)
    return out


def push(folder: Path, repository: str, *, private: bool | None = None) -> str:
    """Upload a shared folder to the Hugging Face Hub; returns its address.

    Args:
        folder: a folder written by `share`; all its files are uploaded.
        repository: ``owner/name``; created if missing.
        private: whether a new repository is private (default: the owner's setting).

    Raises:
        ArtifactError: the folder holds no complete shared model.
        HubError: not logged in, no permission, or the Hub is unreachable.
    """
    HierarchicalVAE.from_pretrained(folder)
    return send(folder, repository, private=private)


def _write_card(
    folder: Path, model: HierarchicalVAE, found: dict[str, Any], options: CardOptions
) -> None:
    where = {} if options.where is None else {"where": options.where}
    card = model.generate_model_card(licence=options.licence, **where, **found)
    write_card(folder, str(card), options)


def _holds(out: Path, model: HierarchicalVAE) -> bool:
    if not (out / "config.json").exists() or not (out / WEIGHTS).exists():
        return False
    return digest_of({}, read_tensors(out / WEIGHTS)) == digest_of({}, model.state_dict())
