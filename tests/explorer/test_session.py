"""What the explorer answers is what the command and the library give."""

from __future__ import annotations

import io
import json
import shlex
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import skviz
from skviz.cli.main import cli
from skviz.cli.options.network import Network
from skviz.errors import ImageError, UsageError
from skviz.explorer import session as rooms
from skviz.explorer.session import Download, Session
from skviz.explorer.snippets import Loading

PHOTO = str(skviz.example_photo())
LOOKS: list[dict[str, Any]] = [
    {},
    {"box": [60, 40, 260, 215.5]},
    {"center": [120, 100]},
    {"control": "blur"},
    {"control": "blank", "box": [60, 40, 260, 215.5]},
    {"control": "blurred"},
    {"untrained": True},
]


@pytest.fixture(scope="module")
def session() -> Session:
    model = skviz.load_model()
    return Session.of(
        model,
        [PHOTO],
        untrained=lambda: skviz.load_model(pretrained=False),
        loading=Loading((), None, {}, PHOTO),
    )


def ask(session: Session, kind: str, **payload: Any) -> dict[str, Any]:
    reply = session.handle(kind, {"picture": "p1", **payload})
    assert isinstance(reply, dict)
    return reply


def test_the_state_says_what_the_page_needs(session: Session) -> None:
    state = ask(session, "state")
    assert state["pictures"] == [{"id": "p1", "name": "okapi.jpg", "width": 300, "height": 225}]
    assert [unit["name"] for unit in state["units"]][:3] == ["SK_2_1", "SK_2_2", "SK_2_3"]
    assert state["unit"] == "SK_3_4" and state["network"]["name"] == "sknet50_lite"
    assert "does not appear in any of them" in state["network"]["known"]
    assert [unit["name"] for unit in state["paper"]["units"]] == [
        "SK_2_3", "SK_3_4", "SK_4_6", "SK_5_3",
    ]  # fmt: skip
    assert state["paper"]["scales"] == [1.0, 1.5, 2.0]
    json.dumps(state, allow_nan=False)


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_copied_command_and_lines_give_the_same_numbers(
    session: Session, look: dict[str, Any], tmp_path: Path
) -> None:
    shown = {unit["name"]: unit for unit in ask(session, "attention", scale=1.7, **look)["units"]}
    lines = ask(session, "command", scales=[1.7], unit="SK_3_4", **look)
    words = shlex.split(lines["command"])
    assert words[:3] == ["skviz", "attention", "example"]
    words = ["--no-config", *words[1:], "--out", str(tmp_path), "--json"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["scales"] == [1.0, 1.7]
    for name, unit in document["units"].items():
        assert abs(unit["difference"][1] - shown[name]["difference"]) <= 1e-6
        np.testing.assert_allclose(unit["attention_mean"][1], shown[name]["means"], atol=1e-6)
    names: dict[str, Any] = {}
    exec(lines["python"], names)
    attention = names["result"].attention
    for name in document["units"]:
        np.testing.assert_allclose(attention[name][1], shown[name]["attention"], atol=1e-6)


def test_networks_options_are_in_the_command() -> None:
    network = Network(
        "sknet50", Path("a b.pth"), allow_mismatch=True, mean=(0.5, 0.5, 0.5),
        attention_at=("x:1", "y:1"), device="cpu", model_args={"n": 2}, crop=1.0,
    )  # fmt: skip
    words = network.words()
    assert words == [
        "--model", "sknet50", "--weights", "a b.pth", "--allow-mismatch",
        "--model-args", '{"n": 2}', "--crop", "1.0", "--mean", "0.5,0.5,0.5",
        "--attention", "x:1", "--attention", "y:1", "--device", "cpu",
    ]  # fmt: skip
    from skviz.explorer.request import Look

    loading = Loading(words, network.model, network.arguments())
    lines = loading.lines(Look("p1", untrained=True), "my photo.jpg", (1.0, 2.0), "3_4")
    assert "--weights" not in lines["command"] and "--no-pretrained" in lines["command"]
    assert "'my photo.jpg'" in lines["command"]
    assert "pretrained=False" in lines["python"] and "a b.pth" not in lines["python"]
    lines = loading.lines(Look("p1"), "my photo.jpg", (1.0, 2.0), "3_4")
    assert "load_model('sknet50', weights='a b.pth'" in lines["python"]


def test_the_curve_is_made_of_the_same_numbers(session: Session) -> None:
    curve = ask(session, "curve")
    at = curve["scales"].index(1.5)
    values = {unit["name"]: unit["values"][at] for unit in curve["units"]}
    for unit in ask(session, "attention", scale=1.5)["units"]:
        assert abs(values[unit["name"]] - unit["difference"]) <= 1e-6
    assert ask(session, "curve", control="blur")["scales"][0] == 1.0


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "html", "csv", "json"])
def test_saved_files_are_those_of_the_command(session: Session, kind: str) -> None:
    reply = session.handle(
        "save", {"picture": "p1", "scales": [1.5, 2], "unit": "SK_3_4", "format": kind}
    )
    assert isinstance(reply, Download) and reply.name == f"okapi_attention_3_4.{kind}"
    begin = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "html": b"<!", "json": b"{"}
    assert reply.data.startswith(begin.get(kind, b"image,model"))
    if kind == "svg":
        assert b"--scales 1,1.5,2" in reply.data  # the provenance
    if kind == "json":
        assert json.loads(reply.data)["scales"] == [1.0, 1.5, 2.0]


def test_uploads_are_kept_in_memory_and_in_number(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "MOST_PICTURES", 3)
    buffer = io.BytesIO()
    Image.new("RGB", (80, 60), "red").save(buffer, "PNG")
    added = []
    for number in range(6):
        name = f"../../etc/{number}.png"
        reply = session.handle("upload", {"name": name}, buffer.getvalue())
        assert isinstance(reply, dict)
        added.append(reply)
    assert added[0]["name"] == ".._.._etc_0.png"
    assert list(session.pictures) == ["p1", *(one["id"] for one in added[3:])]
    with pytest.raises(UsageError, match="that image is no longer available"):
        session.handle("attention", {"picture": added[0]["id"], "scale": 1})
    with pytest.raises(ImageError, match="not an image that Pillow knows"):
        session.handle("upload", {"name": "x.png"}, b"no picture")
    bomb = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(bomb, "PNG")
    with pytest.raises(ImageError, match="more than 60000000"):
        session.handle("upload", {"name": "bomb.png"}, bomb.getvalue())


@pytest.mark.parametrize(
    ("kind", "payload", "said"),
    [
        ("read", {}, "expected a request out of state"),
        ("attention", {"scale": 1}, "expected the name of a picture"),
        ("attention", {"picture": "/etc/passwd", "scale": 1}, "no longer available"),
        ("attention", {"picture": "p1", "scale": 9}, "expected a scale from 0.5 to 3, got 9"),
        ("attention", {"picture": "p1", "scale": float("nan")}, "expected a scale from 0.5"),
        ("attention", {"picture": "p1", "scale": "1"}, "expected a scale from 0.5 to 3"),
        ("attention", {"picture": "p1", "scale": 1, "box": "all"}, "expected box as 4 numbers"),
        ("attention", {"picture": "p1", "scale": 1, "box": [9, 9, 1, 1]}, "left < right"),
        ("attention", {"picture": "p1", "scale": 1, "control": "random:1"}, "expected control"),
        ("attention", {"picture": "p1", "scale": 1, "untrained": "no"}, "untrained as true"),
        ("attention", {"picture": "p1", "scale": 0.5, "control": "blur"}, "scales of 1 and above"),
        ("save", {"picture": "p1", "scales": [1], "unit": "SK_3_4", "format": "exe"}, "format"),
        ("save", {"picture": "p1", "scales": [1], "unit": "../x", "format": "png"}, "of a unit"),
        ("save", {"picture": "p1", "scales": [1] * 99, "unit": "SK_3_4", "format": "png"}, "12"),
        ("command", {"picture": "p1", "scales": [], "unit": "SK_3_4"}, "expected 1 to 12 scales"),
    ],
)
def test_requests_that_make_no_sense(
    session: Session, kind: str, payload: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        session.handle(kind, payload)


def test_only_the_newest_request_is_computed(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = []
    real = Session.result

    def counted(self: Session, look: Any, scales: Any, unit: str | None = None) -> Any:
        computed.append(scales)
        return real(self, look, scales, unit)

    monkeypatch.setattr(Session, "result", counted)
    session._known.clear()
    replies: dict[int, dict[str, Any]] = {}

    def request(number: int) -> None:
        scale = 1 + number / 100
        replies[number] = ask(session, "attention", scale=scale, serial=number)

    threads = [threading.Thread(target=request, args=[n]) for n in range(1, 31)]
    with session._computing:  # a computation is under way
        before = session._newest["attention"]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 10
        while session._newest["attention"] < before + len(threads) and time.monotonic() < until:
            time.sleep(0.01)
    for thread in threads:
        thread.join()
    answered = [number for number, reply in replies.items() if "units" in reply]
    assert len(answered) == len(computed) == 1
    given_up = {n: reply for n, reply in replies.items() if n not in answered}
    assert all(reply == {"superseded": True, "serial": n} for n, reply in given_up.items())


def test_a_network_of_a_notebook_can_be_untrained_too() -> None:
    session = Session.of(skviz.load_model(), [PHOTO])
    before = ask(session, "attention", scale=1)
    random = ask(session, "attention", scale=1, untrained=True)
    assert any("untrained network" in note for note in random["notes"])
    assert random["predictions"] == [] and before["predictions"]
    assert ask(session, "attention", scale=1)["units"] == before["units"]
    lines = ask(session, "command", scales=[2], unit="SK_3_4")
    assert lines["command"] == "" and "analyze_image(" in lines["python"]


def test_the_widget_answers_messages(tmp_path: Path) -> None:
    pytest.importorskip("anywidget")
    explorer = skviz.explore(skviz.load_model())
    assert explorer.attention["3_4"].shape == (2, 2, 64)
    sent: list[Any] = []
    explorer.send = lambda content, buffers=None: sent.append((content, buffers))
    explorer._answer(None, {"id": 1, "kind": "state", "payload": {}}, [])
    asked = {"picture": "p1", "scale": 2.5, "unit": "SK_2_1", "box": [60, 40, 260, 200]}
    explorer._answer(None, {"id": 2, "kind": "attention", "payload": asked}, [])
    explorer._answer(None, {"id": 3, "kind": "picture", "payload": {"picture": "p1"}}, [])
    explorer._answer(None, {"id": 4, "kind": "nothing", "payload": {}}, [])
    (state, _), (numbers, _), (picture, buffers), (wrong, _) = sent
    assert state["reply"]["unit"] == "SK_3_4"
    assert buffers[0].startswith(b"\xff\xd8") and picture["file"]["media_type"] == "image/jpeg"
    assert wrong["error"].startswith("expected a request out of")
    result = explorer.result
    assert list(result.views.scales) == [1.0, 2.5] and result.views.placed
    shown = {unit["name"]: unit["difference"] for unit in numbers["reply"]["units"]}
    for name in shown:
        assert abs(result.attention.difference(name)[1] - shown[name]) <= 1e-6
    explorer.figure().savefig(tmp_path / "figure.png")
