"""The page's server: for this machine, for anyone with the address, and within bounds."""

from __future__ import annotations

import io
import json
import resource
import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import skviz
from skviz.cli.main import cli
from skviz.errors import UsageError
from skviz.explorer.session import Session

httpx = pytest.importorskip("httpx")
pytest.importorskip("starlette")
uvicorn = pytest.importorskip("uvicorn")


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """Address of a server that runs in a thread."""
    from skviz.explorer import server

    session = Session.of(skviz.load_model(), [skviz.example_photo()])
    listening, token = server.bind("127.0.0.1", 0), server.new_token()
    running: list[uvicorn.Server] = []
    real = uvicorn.Server

    class Kept(real):  # type: ignore[misc, valid-type]
        def __init__(self, config: uvicorn.Config) -> None:
            super().__init__(config)
            running.append(self)

    uvicorn.Server = Kept
    thread = threading.Thread(target=server.serve, args=[session, listening, token])
    thread.start()
    while not running or not running[0].started:
        time.sleep(0.01)
    uvicorn.Server = real
    yield server.address(listening, token)
    running[0].should_exit = True
    thread.join()


def works(base: str) -> bool:
    """Whether the next client is served."""
    body = {"picture": "p1", "scale": 1.3}
    reply = httpx.post(f"{base}api/attention", json=body, timeout=30)
    return reply.status_code == 200 and len(reply.json()["units"]) == 16


def test_the_page_asks_for_nothing_outside(base: str) -> None:
    for name in ("", "explorer.js", "explorer.css"):
        reply = httpx.get(base + name)
        assert reply.status_code == 200
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert reply.headers["cache-control"] == "no-store"
        outside = reply.text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in outside and "https://" not in outside
        assert "style=" not in reply.text or name != ""
    assert works(base)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1:1"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({}, 200),
    ],
)
def test_strangers_are_sent_away(base: str, headers: dict[str, str], status: int) -> None:
    reply = httpx.post(f"{base}api/state", json={}, headers=headers)
    assert reply.status_code == status
    assert status == 200 or reply.text == "forbidden"


def test_without_the_token_there_is_nothing(base: str) -> None:
    root = base.rsplit("/", 2)[0]
    for path in ("/", "/api/state", "/explorer.js", "/x/api/state", "/../", "//etc/passwd"):
        reply = httpx.post(root + path) if "api" in path else httpx.get(root + path)
        assert reply.status_code == 404, path
        assert "token" not in reply.text
    assert httpx.get(f"{base}../../pyproject.toml").status_code == 404
    assert httpx.get(f"{base}api/state").status_code == 405


def test_large_bodies_are_not_read(base: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def endless() -> Iterator[bytes]:
        for _ in range(500):
            yield bytes(1_000_000)

    for kind in ("state", "upload"):
        try:
            reply = httpx.post(f"{base}api/{kind}", content=endless(), timeout=30)
            assert reply.status_code == 413
        except httpx.TransportError:
            pass  # the server closed the connection while it was written to
    host, port = base.split("/")[2].split(":")
    with socket.create_connection((host, int(port))) as claims:
        head = f"POST /{base.split('/', 3)[3]}api/upload HTTP/1.1\r\nHost: {host}:{port}\r\n"
        claims.sendall(f"{head}Content-Length: 500000000\r\n\r\n".encode())
        assert claims.recv(100).startswith(b"HTTP/1.1 413")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000  # kB
    assert works(base)


@pytest.mark.slow
def test_bombs_and_a_thousand_uploads(base: str) -> None:
    bomb = io.BytesIO()
    Image.new("1", (13_000, 13_000)).save(bomb, "PNG")
    reply = httpx.post(f"{base}api/upload", content=bomb.getvalue(), headers={"x-name": "b.png"})
    assert reply.status_code == 400 and "more than 60000000" in reply.json()["error"]
    small = io.BytesIO()
    Image.new("RGB", (32, 32)).save(small, "PNG")
    with httpx.Client() as client:
        for _ in range(1000):
            client.post(f"{base}api/upload", content=small.getvalue())
        listed = client.post(f"{base}api/state", json={}).json()["pictures"]
    assert len(listed) == 21
    assert works(base)


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"[" * 60_000, b'{"picture": []}'])
def test_bodies_that_are_no_requests(base: str, body: bytes) -> None:
    reply = httpx.post(f"{base}api/attention", content=body)
    assert reply.status_code == 400 and reply.json()["error"]


def test_slow_clients_and_clients_that_go_away(base: str) -> None:
    host, port = base.split("/")[2].split(":")
    path = "/" + base.split("/", 3)[3]
    slow = []
    for _ in range(20):
        one = socket.create_connection((host, int(port)))
        one.sendall(f"POST {path}api/attention HTTP/1.1\r\nHost: {host}:{port}\r\n".encode())
        slow.append(one)
    for one in slow[:10]:
        one.sendall(b"Content-Length: 1000\r\n\r\n{")
    assert works(base)
    body = json.dumps({"picture": "p1", "scale": 2.2}).encode()
    for one in slow[10:]:
        one.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        one.close()
    assert works(base)
    for one in slow[:10]:
        one.close()


@pytest.mark.slow
def test_two_hundred_moves_leave_the_last_one(base: str) -> None:
    """As many at once as a page would never ask for: the others are given up, not computed."""
    replies: dict[int, dict[str, object]] = {}

    def move(number: int) -> None:
        body = {"picture": "p1", "scale": 1 + number / 150, "serial": number}
        reply = httpx.post(f"{base}api/attention", json=body, timeout=30)
        replies[number] = reply.json() if reply.status_code == 200 else {"busy": True}

    threads = [threading.Thread(target=move, args=[number]) for number in range(199)]
    for thread in threads:
        thread.start()
        time.sleep(0.005)
    for thread in threads:
        thread.join()
    began = time.perf_counter()
    move(199)
    assert "units" in replies[199]
    assert time.perf_counter() - began < 1
    assert sum("units" in reply for reply in replies.values()) < 199


def test_the_command_says_what_sharing_means() -> None:
    done = CliRunner().invoke(cli, ["--no-config", "explore", "--host", "0.0.0.0", "--no-browser"])
    assert done.exit_code == 2
    assert "anyone with the address" in done.stderr and "nothing is encrypted" in done.stderr


def test_a_port_that_is_taken_is_a_sentence() -> None:
    from skviz.explorer.server import bind

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"cannot listen at 127.0.0.1, port {port}: .*--port"):
            bind("127.0.0.1", port)


def test_numbers_over_http_are_those_of_the_library(base: str) -> None:
    body = {"picture": "p1", "scale": 1.8, "box": [60, 40, 260, 200]}
    shown = httpx.post(f"{base}api/attention", json=body).json()["units"]
    result = skviz.analyze_image(
        skviz.example_photo(), skviz.load_model(), stages=["all"], scales=(1, 1.8),
        box=(60, 40, 260, 200),
    )  # fmt: skip
    for unit in shown:
        np.testing.assert_allclose(unit["attention"], result.attention[unit["name"]][1], atol=1e-6)
