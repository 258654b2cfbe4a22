"""The explorer's page over HTTP: for this machine alone, and for whoever has the address."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from skviz.errors import SkvizError, UsageError
from skviz.explorer.session import MOST_BYTES, Download, Session

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    Send = Callable[[dict[str, Any]], Awaitable[None]]
    Receive = Callable[[], Awaitable[dict[str, Any]]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::")
_MOST_JSON = 64_000
_SECONDS = 30.0  # for the head of a request, and again for its body
_CONNECTIONS = 64
_PAGE = {
    "": ("page.html", "text/html; charset=utf-8"),
    "explorer.js": ("explorer.js", "text/javascript; charset=utf-8"),
    "explorer.css": ("explorer.css", "text/css; charset=utf-8"),
}
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class TooLarge(UsageError):
    """A request with more bytes than are taken."""


def new_token() -> str:
    """Return what makes the address of the page one that nobody guesses."""
    return secrets.token_urlsafe(24)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 takes a free one. Raises `UsageError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"cannot listen at {host}, port {port}: {reason}; choose another --port"
        ) from None
    return listening


def address(listening: socket.socket, token: str) -> str:
    """Return the address of the page."""
    host, port = listening.getsockname()[:2]
    host = socket.gethostname() if host in EVERYWHERE else host
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/{token}/"


def serve(session: Session, listening: socket.socket, token: str) -> None:
    """Answer requests until the process is interrupted."""
    import uvicorn

    from skviz.explorer.patience import impatient

    host, port = listening.getsockname()[:2]
    config = uvicorn.Config(
        application(session, token, allowed_hosts(host, port)),
        http=impatient(_SECONDS),
        log_level="critical",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
        limit_concurrency=_CONNECTIONS,
        backlog=_CONNECTIONS,
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        return


def allowed_hosts(host: str, port: int) -> frozenset[str] | None:
    """Return what a browser may call this machine: a name of a stranger's is an attack.

    None is any name: at all addresses of a shared machine it has names that nobody can list.
    """
    if host in EVERYWHERE:
        return None
    names = ("127.0.0.1", "localhost", "[::1]") if host in LOOPBACK else (host,)
    return frozenset(f"{name}:{port}" for name in names)


def application(session: Session, token: str, hosts: frozenset[str] | None) -> Starlette:
    """Return the ASGI application; `hosts` None takes every Host header (for `--share`)."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Route

    uploads = asyncio.Semaphore(1)

    async def answer(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import JSONResponse, Response

        kind = request.path_params["kind"]
        try:
            if kind != "upload":
                payload = _payload(await _body(request, _MOST_JSON))
                reply = await run_in_threadpool(session.handle, kind, payload)
            elif uploads.locked():
                return JSONResponse({"error": "another picture is being read; try again"}, 503)
            else:
                async with uploads:
                    name = unquote(request.headers.get("x-name", ""), errors="replace")
                    data = await _body(request, MOST_BYTES)
                    reply = await run_in_threadpool(session.handle, kind, {"name": name}, data)
        except TooLarge as error:
            return JSONResponse({"error": str(error)}, 413, {"connection": "close"})
        except TimeoutError:
            return JSONResponse(
                {"error": "the request took too long"}, 408, {"connection": "close"}
            )
        except SkvizError as error:
            return JSONResponse({"error": str(error)}, 400)
        except (MemoryError, RuntimeError):
            return JSONResponse({"error": "that failed, perhaps for lack of memory"}, 500)
        if isinstance(reply, Download):
            name = reply.name.encode("ascii", "replace").decode().replace('"', "_")
            disposition = {"content-disposition": f'attachment; filename="{name}"'}
            return Response(reply.data, media_type=reply.media_type, headers=disposition)
        return JSONResponse(reply)

    routes = [
        *(Route(f"/{token}/{name}", _file(name)) for name in _PAGE),
        Route(f"/{token}/api/{{kind:str}}", answer, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(_Guard, hosts=hosts)])


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def send(request: Request) -> Response:
        from starlette.responses import Response

        asset, kind = _PAGE[name]
        data = files("skviz.assets").joinpath("explorer", asset).read_bytes()
        return Response(data, media_type=kind)

    return send


async def _body(request: Request, most: int) -> bytes:
    """Return the body, at most so many bytes and in time; raises `TooLarge`, `TimeoutError`."""
    too_large = TooLarge(f"expected a request of at most {most} bytes")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        raise too_large
    data = bytearray()
    async with asyncio.timeout(_SECONDS):
        async for part in request.stream():
            data += part
            if len(data) > most:
                raise too_large
    return bytes(data)


def _payload(data: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise UsageError("expected a JSON object")
    return payload


class _Guard:
    """Lets through what comes from the page itself, and says no more than it must."""

    def __init__(self, app: Any, hosts: frozenset[str] | None) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin")
        known = self.hosts is None or host in self.hosts
        same = origin is None or origin.decode("latin-1") == f"http://{host}"
        stranger = headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin")
        leads_here = headers.get(b"sec-fetch-mode") == b"navigate"

        async def guarded(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                raw = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *raw]}
            await send(message)

        if not known or not same or (stranger and not leads_here):
            await guarded({"type": "http.response.start", "status": 403, "headers": []})
            await guarded({"type": "http.response.body", "body": b"forbidden"})
            return
        await self.app(scope, receive, guarded)
