"""Download from and upload to the Hugging Face Hub, with one-line errors.

``huggingface_hub`` is imported at the first request.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seatbelt_vae.errors import HubError

__all__ = ["fetch", "hub_errors", "send"]

_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"


def fetch(repository: str, names: Sequence[str], **options: Any) -> Path:
    """Download files of a repository into a local folder; missing files are skipped.

    Args:
        repository: ``owner/name``.
        names: names of the files.
        options: keyword arguments of ``huggingface_hub.snapshot_download``, such as revision.

    Raises:
        HubError: unknown repository, no connection, or no permission.
    """
    from huggingface_hub import snapshot_download

    with hub_errors(repository):
        return Path(snapshot_download(repository, allow_patterns=list(names), **options))


def send(folder: Path, repository: str, *, private: bool | None = None) -> str:
    """Upload a folder in one commit; the repository is created if it does not exist.

    Args:
        folder: all its files are uploaded.
        repository: ``owner/name``.
        private: make a new repository private (default: the setting of its owner).

    Returns:
        The URL of the repository.

    Raises:
        HubError: not logged in, no permission, or no connection.
    """
    from huggingface_hub import HfApi

    with hub_errors(repository):
        hub = HfApi()
        made = hub.create_repo(repository, private=private, exist_ok=True)
        hub.upload_folder(
            repo_id=made.repo_id, folder_path=folder, commit_message="Share with seatbelt-vae"
        )
        return str(made)


@contextmanager
def hub_errors(repository: str) -> Iterator[None]:
    """Convert exceptions of ``huggingface_hub`` in the block to a one-line `HubError`."""
    from huggingface_hub import errors as known

    # base class of connection errors; the HTTP client depends on the huggingface_hub version
    transport: type[Exception] = known.HfHubHTTPError.__bases__[0]
    try:
        yield
    except known.HFValidationError:
        raise HubError(
            f"{repository!r} is neither a folder nor a repository's name: expected owner/name"
        ) from None
    except known.LocalTokenNotFoundError:
        raise HubError(
            f"the Hugging Face Hub must know who writes {repository}: {_LOG_IN}"
        ) from None
    except known.HfHubHTTPError as error:
        raise HubError(_refused(repository, error)) from error
    except (known.OfflineModeIsEnabled, known.LocalEntryNotFoundError, transport) as error:
        raise HubError(
            f"{repository} is out of reach ({str(error).splitlines()[0]}): "
            f"check the network, or give a local folder"
        ) from error


def _refused(repository: str, error: Any) -> str:
    """The error message for an HTTP status of the Hub."""
    status = error.response.status_code
    reason = error.server_message or str(error).splitlines()[0]
    if status == 401:
        return f"the Hugging Face Hub does not know you, or {repository} is not there: {_LOG_IN}"
    if status == 403:
        return f"no right to {repository} ({reason}): use a token that has it, or another name"
    if status == 404:
        return f"no {repository} on the Hugging Face Hub ({reason}): check name and revision"
    return f"the Hugging Face Hub refused {repository} ({status}: {reason}): try again, or mend it"
