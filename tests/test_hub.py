"""Whatever the Hugging Face Hub answers is one line; a server of our own stands in for it."""

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import LocalTokenNotFoundError

from seatbelt_vae import HierarchicalVAE
from seatbelt_vae.errors import HubError
from seatbelt_vae.hub import fetch, hub_errors, send

SHARED = Path(__file__).parent / "runs" / "written_by" / "0.1.0" / "shared"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Answer(BaseHTTPRequestHandler):
    """A Hub that refuses every write with one status, and holds one repository, ``ada/belt``."""

    status = 200
    asked: ClassVar[list[str]] = []

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self.status, {"error": "because"})

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if "/resolve/" in self.path and self.path.startswith("/ada/belt"):
            content = (SHARED / Path(self.path).name).read_bytes()
            self._answer(200, content)
        elif self.path.startswith("/api/models/ada/belt/tree"):
            files = [
                {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": path.name}
                for path in SHARED.iterdir()
            ]
            self._answer(200, files)
        elif self.path.startswith("/api/models/ada/belt"):
            files = [{"rfilename": path.name} for path in SHARED.iterdir()]
            self._answer(200, {"id": "ada/belt", "sha": COMMIT, "siblings": files})
        else:
            self._answer(404, {"error": "Repository not found"})

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, status: int, content: object) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("ETag", sha256(body).hexdigest())
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Error-Code", "RepoNotFound" if status == 404 else "")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Answer]]:
    """The stand-in, asked instead of the Hub."""
    monkeypatch.setenv("HF_TOKEN", "hf_none")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    place = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", place)
    template = f"{place}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    yield Answer
    server.shutdown()
    thread.join()
    server.server_close()


def _line(call: Callable[[], object]) -> str:
    with pytest.raises(HubError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (
            401,
            "the Hugging Face Hub does not know you, or ada/new is not there: log in with `hf auth "
            "login`, or set HF_TOKEN",
        ),
        (
            403,
            "no right to ada/new (because): use a token that has it, or another name",
        ),
        (404, "no ada/new on the Hugging Face Hub (because): check name and revision"),
        (
            400,
            "the Hugging Face Hub refused ada/new (400: because): try again, or mend it",
        ),
    ],
)
def test_a_refused_upload(
    status: int, line: str, hub: type[Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "status", status)
    assert _line(lambda: send(tmp_path, "ada/new")) == line


def test_a_repository_is_downloaded_and_loaded(hub: type[Answer]) -> None:
    hub.asked.clear()
    model = HierarchicalVAE.from_pretrained("ada/belt", revision="main")
    local = HierarchicalVAE.from_pretrained(SHARED)
    assert model.trained_as == local.trained_as
    for name, tensor in local.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)
    fetched = {Path(path).name for path in hub.asked if "/resolve/" in path}
    assert fetched == {"config.json", "model.safetensors"}


@pytest.mark.usefixtures("hub")
def test_no_repository_of_that_name() -> None:
    expected = "no ada/none on the Hugging Face Hub (Repository not found): check name and revision"
    assert _line(lambda: HierarchicalVAE.from_pretrained("ada/none")) == expected


def test_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    for call in (lambda: send(tmp_path, "ada/belt"), lambda: fetch("ada/belt", ["config.json"])):
        line = _line(call)
        assert line.startswith("ada/belt is out of reach (")
        assert line.endswith("): check the network, or give a local folder")


def test_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    line = _line(lambda: HierarchicalVAE.from_pretrained("ada/belt", local_files_only=True))
    assert line.startswith("ada/belt is out of reach (")


@pytest.mark.parametrize("name", ["no/such/folder", "a b", "/nowhere"])
def test_what_is_neither_folder_nor_repository(name: str) -> None:
    assert _line(lambda: HierarchicalVAE.from_pretrained(name)) == (
        f"{name!r} is neither a folder nor a repository's name: expected owner/name"
    )


def test_no_token() -> None:
    def refuse() -> None:
        with hub_errors("ada/belt"):
            raise LocalTokenNotFoundError

    assert _line(refuse) == (
        "the Hugging Face Hub must know who writes ada/belt: log in with `hf auth login`, or set "
        "HF_TOKEN"
    )


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), hub_errors("ada/belt"):
        raise ZeroDivisionError
