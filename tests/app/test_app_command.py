"""The command of the page: its extra, its address, its flags; limits of requests."""

import asyncio
import socket
import sys
from importlib import import_module
from typing import Any

import pytest

from seatbelt_vae.app.server import RequestLimits, bound_socket
from seatbelt_vae.cli import main
from seatbelt_vae.cli.app_options import App
from seatbelt_vae.errors import ConfigError
from tests.faults.killing import in_process


def import_the_page() -> None:
    """Import the modules of the page; for a process that has imported no other package of it."""
    for name in ("seatbelt_vae.app.page", "seatbelt_vae.app.server", "seatbelt_vae.cli.app"):
        import_module(name)
    assert not {"gradio", "fastapi", "uvicorn"} & sys.modules.keys()


def test_no_module_of_the_package_imports_gradio_by_itself() -> None:
    in_process(import_the_page)


def test_without_the_extra_one_line_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("seatbelt_vae.cli.app.find_spec", lambda _: None)
    assert main(["app"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("the page needs the extra app: pip install 'seatbelt-vae[app]'")


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ("--seconds 0", "seconds is 0"),
        ("--at-once 0", "at_once is 0"),
        ("--waiting 0", "waiting is 0"),
        ("--port 70000", "port is 70000"),
        ("--repeat case.zip", "repeat without a model"),
    ],
)
def test_flags_out_of_range_are_refused(
    flags: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["app", *flags.split()]) == 2
    assert reason in capsys.readouterr().err


def test_the_words_that_open_a_subject_are_those_of_its_flags() -> None:
    flags = App(subjects=("m.py:f",), data="folder:x", image_size=32, first_frame=True)
    assert flags.opening == ["--data", "folder:x", "--image-size", "32", "--first-frame"]
    assert App().opening == []


def test_the_first_free_port_is_taken_and_a_used_one_is_refused() -> None:
    with bound_socket("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1, port {port}: .+; give another --port"):
            bound_socket("127.0.0.1", port)
    with pytest.raises(ConfigError, match="cannot listen at 203"):
        bound_socket("203.0.113.1", 0)
    with pytest.raises(ConfigError, match="cannot listen at no host"):
        bound_socket("no host", 0)
    with bound_socket("127.0.0.1", None) as found:
        assert isinstance(found, socket.socket)


async def answered(limits: RequestLimits, path: str, *headers: tuple[bytes, bytes]) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await limits({"type": "http", "path": path, "headers": headers}, None, send)
    return sent


async def inner(scope: Any, receive: Any, send: Any) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"page"})


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", (), 200),
        ("/", ((b"content-length", b"100"),), 200),
        ("/", ((b"content-length", b"101"),), 413),
        ("/", ((b"transfer-encoding", b"chunked"),), 413),
        ("/gradio_api/upload", (), 404),
        ("/gradio_api/file=/etc/passwd", (), 404),
        ("/gradio_api/queue/join", (), 200),
    ],
)
def test_requests_are_bounded(path: str, headers: Any, status: int) -> None:
    start, body = asyncio.run(answered(RequestLimits(inner, 100), path, *headers))
    assert start["status"] == status
    if status == 200:
        stated = dict(start["headers"])
        assert b"default-src 'self'" in stated[b"content-security-policy"]
    else:
        assert body["body"].endswith(b".")
