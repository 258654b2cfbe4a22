"""What a stranger, a broken client or a hostile page may send to `skviz explore`."""

from __future__ import annotations

import io
import json
import resource
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

import skviz
from skviz.data import example_photo

pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")


@pytest.fixture(scope="module")
def page() -> str:
    """The address of a served page."""
    return start()


def start() -> str:
    """Serve a page until the tests end, and return its address."""
    from skviz.explorer.server import address, bind, new_token, serve
    from skviz.explorer.session import Session

    listening, token = bind("127.0.0.1", 0), new_token()
    session = Session.of(skviz.load_model(), [example_photo()])
    threading.Thread(target=serve, args=(session, listening, token), daemon=True).start()
    found = address(listening, token)
    for _ in range(100):
        try:
            httpx.post(found + "api/state", json={})
            break
        except httpx.TransportError:
            time.sleep(0.05)
    return found


def ask(page: str, kind: str, **payload: object) -> httpx.Response:
    return httpx.post(f"{page}api/{kind}", json=payload, timeout=60)


def served(page: str) -> None:
    """The next client is served."""
    found = ask(page, "attention", picture="p1", scale=2, serial=7)
    assert found.status_code == 200, found.text
    assert found.json()["serial"] == 7


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "attacker.example"}, 403),
        ({"origin": "http://attacker.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({}, 200),
    ],
)
def test_strangers_are_sent_away(page: str, headers: dict[str, str], status: int) -> None:
    found = httpx.post(page + "api/state", json={}, headers=headers)
    assert found.status_code == status
    assert "default-src 'none'" in found.headers["content-security-policy"]
    assert "unsafe" not in found.headers["content-security-policy"]
    assert status == 200 or found.text == "forbidden"


@pytest.mark.parametrize("path", ["/", "/wrong/", "/wrong/api/state", "/api/state"])
def test_without_the_token_nothing_is_here(page: str, path: str) -> None:
    parts = urlsplit(page)
    found = httpx.post(f"http://{parts.netloc}{path}", json={})
    assert (found.status_code, found.text) == (404, "Not Found")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"no json",
        b"[" * 60_000,
        b'{"picture": "/etc/passwd", "scale": 1}',
        b'{"picture": ["p1"], "scale": 1}',
        b'{"picture": "p1", "scale": NaN}',
        b'{"picture": "p1", "scale": "2"}',
        b'{"picture": "p1", "scale": 1' + b"0" * 400 + b"}",
        b'{"picture": "p1", "scale": 1, "box": [0, 0, 1' + b"0" * 400 + b", 9]}",
        b'{"picture": "p1", "scale": 1, "box": [0, 0, "9", 9]}',
        b'{"picture": "p1", "scale": 1, "box": [0, 0, 1e308, 1e308]}',
        b'{"picture": "p1", "scale": 1, "box": [9, 9, 1, 1]}',
        b'{"picture": "p1", "scale": 1, "center": [-1e300, 0]}',
        b'{"picture": "p1", "scale": 1, "control": "random"}',
        b'{"picture": "p1", "scale": 1, "untrained": "yes"}',
    ],
)
def test_requests_that_make_no_sense_are_refused_in_a_sentence(page: str, body: bytes) -> None:
    found = httpx.post(page + "api/attention", content=body, timeout=60)
    assert found.status_code == 400, found.text
    assert list(found.json()) == ["error"]
    assert "Traceback" not in found.text


@pytest.mark.parametrize("serial", [b"NaN", b'"\\ud800"'])
def test_a_serial_that_is_no_number_breaks_no_reply(page: str, serial: bytes) -> None:
    body = b'{"picture": "p1", "scale": 1, "serial": ' + serial + b"}"
    found = httpx.post(page + "api/attention", content=body, timeout=60)
    assert found.status_code in (200, 400), found.text
    served(page)


@pytest.mark.parametrize("format", ["../x.png", "exe", None, ["png"]])
def test_a_path_in_a_field_names_no_file(page: str, format: object) -> None:
    found = ask(page, "save", picture="p1", scales=[1, 2], unit="SK_3_4", format=format)
    assert found.status_code == 400
    found = ask(page, "save", picture="p1", scales=[1], unit="../../x", format="png")
    assert found.status_code == 400


def test_an_uploaded_name_is_a_name(page: str) -> None:
    data = example_photo().read_bytes()
    name = "..%2F..%2Fetc%2Fpasswd%0d%0aset-cookie:%20a%22.png"
    found = httpx.post(page + "api/upload", content=data, headers={"x-name": name}, timeout=60)
    assert found.status_code == 200, found.text
    assert not {"/", "\n", "\r"} & set(found.json()["name"])
    saved = ask(page, "save", picture=found.json()["id"], scales=[1], unit="SK_3_4", format="csv")
    assert saved.status_code == 200
    assert "set-cookie" not in saved.headers
    given = ask(page, "command", picture=found.json()["id"], scales=[1], unit="SK_3_4").json()
    assert "\n" not in given["command"]


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that says it has side x side pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        sum_ = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + sum_

    rows = zlib.compress(bytes(3 * side + 1) * 16, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_bombs_and_bodies_without_end_take_no_memory(page: str) -> None:
    served(page)
    before = peak_mb()
    for data in (bomb(60_000), b"no picture", b""):
        found = httpx.post(page + "api/upload", content=data, timeout=60)
        assert found.status_code == 400, found.text
        assert found.json()["error"]
    with raw(page) as client:
        client.sendall(head(page, 500 * 2**20).replace(b"api/attention", b"api/upload"))
        assert b" 413 " in client.recv(4096)

    def parts() -> Iterator[bytes]:
        for _ in range(500):
            yield bytes(2**20)

    try:
        found = httpx.post(page + "api/upload", content=parts(), timeout=60)
        assert found.status_code == 413
    except httpx.TransportError:
        pass  # The server hung up while the rest was still being sent.
    served(page)
    assert peak_mb() - before < 250


def test_a_thousand_uploads_leave_the_last_twenty(page: str) -> None:
    from PIL import Image

    from skviz.explorer.session import MOST_PICTURES

    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(buffer, "PNG")
    with httpx.Client(timeout=60) as client:
        last = ""
        for _ in range(1000):
            found = client.post(page + "api/upload", content=buffer.getvalue())
            assert found.status_code == 200, found.text
            last = found.json()["id"]
    kept = [entry["id"] for entry in ask(page, "state").json()["pictures"]]
    assert kept[0] == "p1"
    assert kept[-1] == last
    assert len(kept) == 1 + MOST_PICTURES
    served(page)


def raw(page: str) -> socket.socket:
    parts = urlsplit(page)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def head(page: str, length: int) -> bytes:
    parts = urlsplit(page)
    return (
        f"POST {parts.path}api/attention HTTP/1.1\r\nhost: {parts.netloc}\r\n"
        f"content-length: {length}\r\n\r\n"
    ).encode()


def test_clients_that_go_away_are_not_waited_for(page: str) -> None:
    body = json.dumps({"picture": "p1", "scale": 1.37}).encode()
    for sent in (b"", b"POST", head(page, 50), head(page, len(body)) + body):
        client = raw(page)
        client.sendall(sent)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    served(page)


@pytest.mark.slow
@pytest.mark.parametrize("sent", ["nothing", "half a head", "half a body"])
def test_slow_clients_time_out_and_hold_no_place(
    sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skviz.explorer import server

    monkeypatch.setattr(server, "_SECONDS", 1.0)
    page = start()
    text = {"nothing": b"", "half a head": b"POST / HTT", "half a body": head(page, 50) + b"{"}[
        sent
    ]
    clients = [raw(page) for _ in range(70)]
    try:
        for client in clients:
            client.sendall(text)
        time.sleep(4)
        served(page)
    finally:
        for client in clients:
            client.close()


def test_two_hundred_requests_leave_the_last_one_answered(page: str) -> None:
    """Sent in eight seconds without waiting: the newest is answered, the rest given up."""
    replies: dict[int, dict[str, object]] = {}
    client = httpx.Client(timeout=60, limits=httpx.Limits(max_connections=50))

    def send(serial: int) -> None:
        scale = round(0.5 + serial / 100, 2)
        body = {"picture": "p1", "scale": scale, "serial": serial}
        replies[serial] = client.post(f"{page}api/attention", json=body).json()

    threads = [threading.Thread(target=send, args=(serial,)) for serial in range(200)]
    began = time.monotonic()
    for first in range(0, 199, 10):
        for thread in threads[first : first + 10][: 199 - first]:
            thread.start()
        time.sleep(0.4)
    threads[-1].start()
    for thread in threads:
        thread.join()
    assert len(replies) == 200
    assert "units" in replies[199]
    given_up = sum("superseded" in reply for reply in replies.values())
    assert given_up > 20
    assert time.monotonic() - began < 30
    begun = time.process_time()
    time.sleep(1)
    assert time.process_time() - begun < 0.3


def test_pictures_that_were_dropped_are_bounded_in_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    from skviz.explorer import pictures, session

    monkeypatch.setattr(pictures, "MOST_HELD", 25_000)
    found = session.Session.of(skviz.load_model(), [example_photo()])
    buffer = io.BytesIO()
    Image.new("RGB", (100, 100)).save(buffer, "PNG")
    given = [found.handle("upload", {}, buffer.getvalue())["id"] for _ in range(4)]
    assert list(found.pictures) == ["p1", *given[-2:]]
    Image.new("RGB", (300, 100)).save(buffer := io.BytesIO(), "PNG")
    last = found.handle("upload", {}, buffer.getvalue())["id"]
    assert list(found.pictures) == ["p1", last]


def test_a_machine_shared_at_all_its_addresses_answers_to_any_of_its_names() -> None:
    from skviz.explorer.server import address, allowed_hosts, bind

    assert allowed_hosts("0.0.0.0", 80) is None
    assert allowed_hosts("::", 80) is None
    assert allowed_hosts("127.0.0.1", 80) == {"127.0.0.1:80", "localhost:80", "[::1]:80"}
    with bind("0.0.0.0", 0) as listening:
        assert "0.0.0.0" not in address(listening, "token")
