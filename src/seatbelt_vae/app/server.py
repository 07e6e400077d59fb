"""The server of the page: limits on requests, downloads, and headers that forbid other hosts."""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping
from typing import Any

from seatbelt_vae.app.events import Live
from seatbelt_vae.app.look import stylesheet, theme
from seatbelt_vae.app.stored_rows import StoredRun
from seatbelt_vae.errors import ConfigError

__all__ = ["LOOPBACK", "application", "bound_socket", "serve"]

_FIRST_PORT, _TRIED = 7860, 20
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
"""Addresses that only this machine reaches."""

_QUEUED = 64
_CLOSED = (
    *("/gradio_api/upload", "/gradio_api/file", "/gradio_api/proxy", "/gradio_api/stream"),
    *("/gradio_api/custom_component", "/gradio_api/component_server", "/gradio_api/run-history"),
    *("/gradio_api/deep_link", "/gradio_api/dev", "/docs", "/redoc", "/openapi.json"),
)
"""Routes of gradio that the page does not use; some of them read or write files."""

_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "font-src 'self' data:; frame-ancestors 'none'; form-action 'none'; base-uri 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

Scope = Mapping[str, Any]


class RequestLimits:
    """Refuses closed routes and large requests, and adds headers to each answer.

    Args:
        app: the application behind it.
        most_bytes: the largest request.
    """

    def __init__(self, app: Any, most_bytes: int) -> None:
        self.app, self.most_bytes = app, most_bytes

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"].startswith(_CLOSED):
            await _answer(send, 404, "There is no such page.")
            return
        sizes = [int(v) for k, v in scope["headers"] if k == b"content-length" and v.isdigit()]
        chunked = any(k == b"transfer-encoding" for k, _ in scope["headers"])
        if chunked or max(sizes, default=0) > self.most_bytes:
            await _answer(send, 413, "The request is too large.")
            return

        async def with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                extra = [(k.encode(), v.encode()) for k, v in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        await self.app(scope, receive, with_headers)


async def _answer(send: Any, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


def application(live: Live | None, stored: Mapping[str, StoredRun], host: str) -> Any:
    """The ASGI application of a page.

    Args:
        live: the subjects to attack; None without one.
        stored: folders with stored attacks, by name.
        host: the address it is served at; at a loopback address other names are refused.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse, Response
    from gradio import mount_gradio_app
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from seatbelt_vae.app.limits import LIMITS
    from seatbelt_vae.app.page import page_of

    limits = LIMITS if live is None else live.limits
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    if host in LOOPBACK:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK))
    app.add_middleware(RequestLimits, most_bytes=limits.request_bytes)

    def case(token: str) -> Response:
        content = None if live is None else live.cases.get(token)
        if content is None:
            return PlainTextResponse("This case is no longer kept: attack again.", 404)
        name = 'attachment; filename="seatbelt-case.zip"'
        return Response(content, 200, {"content-disposition": name}, "application/zip")

    app.add_api_route("/cases/{token}", case, response_model=None)
    page = page_of(live, stored)
    page.queue(api_open=False, max_size=_QUEUED, default_concurrency_limit=4)
    return mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=1,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=theme(),
        css=stylesheet(),
    )


def bound_socket(host: str, port: int | None) -> socket.socket:
    """A socket that listens; without a port, at the first free one from 7860.

    Raises:
        ConfigError: the address cannot be used.
    """
    ports = range(_FIRST_PORT, _FIRST_PORT + _TRIED) if port is None else (port,)
    reason = ""
    for candidate in ports:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            found = socket.socket(family)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((host, candidate))
            found.listen()
            return found
        except (OSError, OverflowError) as error:
            found.close()
            reason = getattr(error, "strerror", None) or str(error)
    raise ConfigError(f"cannot listen at {host}, port {ports[0]}: {reason}; give another --port")


def serve(app: Any, listening: socket.socket) -> None:
    """Serve until the process is stopped."""
    import uvicorn

    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,  # open pages keep a connection
    )
    logging.getLogger("uvicorn.error").addFilter(_is_no_end_of_a_page)
    uvicorn.Server(settings).run(sockets=[listening])


def _is_no_end_of_a_page(record: logging.LogRecord) -> bool:
    """Whether a record is not of the pages that were open when the server stopped."""
    cancelled = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cancelled and not record.getMessage().startswith("Cancel ")
