"""What goes wrong for a user: each with its message and exit code, and never a traceback."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from skviz.cli.main import cli
from skviz.errors import UsageError
from skviz.models import build
from skviz.runs.forward import check_precision
from skviz.runs.options import Options
from tests.helpers.mistakes import mistakes

# Braces are files of the folder below.
CASES = mistakes(
    """
# Images
missing image | attention {nothing.jpg} | nothing.jpg': no such file | 1
empty image | attention {empty.jpg} | empty.jpg': the file is empty | 1
truncated image | attention {truncated.jpg} | truncated.jpg': the file is truncated | 1
text as image | attention {text.jpg} | text.jpg': not an image | 1
folder as image | attention {folder} | it is a folder, expected an image file | 1
bomb | attention {bomb.png} | too large, perhaps a decompression bomb | 1
device file | attention /dev/zero | it is a device or pipe | 1
no image | attention | Missing argument 'IMAGE...' | 2
all broken | attention {empty.jpg} {text.jpg} | 2 of 2 images failed | 1
one broken | attention {photo.jpg} {text.jpg} | 1 of 2 images failed | 3
# Scales
scale zero | attention {photo.jpg} --scales 0 | got 0 | 2
scale negative | attention {photo.jpg} --scales=1,-1 | got -1 | 2
scale nan | attention {photo.jpg} --scales nan | got nan | 2
scale infinite | attention {photo.jpg} --scales 1,inf | got inf | 2
scale text | attention {photo.jpg} --scales 1,big | got 'big' in '1,big' | 2
scale empty | attention {photo.jpg} --scales , | got '' in ',' | 2
scale twice | attention {photo.jpg} --scales 1,1.0 | got 1 twice | 2
scale too large | attention {photo.jpg} --scales 9999 | scale 9999 is too large | 2
scale too small | attention {photo.jpg} --scales 1e-6 | scale 1e-06 is too small | 2
# Units, channels, branches
unknown unit | attention {photo.jpg} --stage 3_9 | unknown unit '3_9' | 2
unknown unit, near | attention {photo.jpg} --stage SK3_4 | Did you mean '3_4'? | 2
empty unit | attention {photo.jpg} --stage 3_4, | expected comma-separated words | 2
branch too large | attention {photo.jpg} --branch 2 | a branch from 0 to 1 | 2
branch text | attention {photo.jpg} --branch 5x5 | '5x5' is not a valid integer | 2
group zero | attention {photo.jpg} --group 0 | 0 is not in the range x>=1 | 2
group too large | attention {photo.jpg} --group 99999 | expected a group of 1 to | 2
# Network, weights, device
unknown model | attention {photo.jpg} --model sknet51 | unknown network 'sknet51' | 2
unknown model, near | attention {photo.jpg} --model sknet5 | Did you mean 'sknet | 2
missing weights | attention {photo.jpg} --weights {no.pth} | found no such file | 1
folder as weights | attention {photo.jpg} --weights {folder} | found a folder | 1
corrupt weights | attention {photo.jpg} --weights {text.pth} | text.pth | 1
corrupt safetensors | attention {photo.jpg} --weights {text.safetensors} | text.safetensors as safetensors | 1
malicious weights | attention {photo.jpg} --weights {evil.pth} | refused to read | 1
weights of another network | attention {photo.jpg} --weights {other.pth} | other.pth does not fit the network | 1
unknown device | attention {photo.jpg} --device tpu | 'tpu' is not one of | 2
device, near | attention {photo.jpg} --device cudda | Did you mean 'cuda'? | 2
style, near | attention {photo.jpg} --style papr | Did you mean 'paper'? | 2
command, near | atention {photo.jpg} | Did you mean 'attention'? | 2
option, near | attention {photo.jpg} --stge 3_4 | '--stage' | 2
figure, near | plot r --figure clases --out a.png | Did you mean 'classes'? | 2
# Output
unknown format | attention {photo.jpg} --format gif | got 'gif' | 2
format, near | attention {photo.jpg} --format pngg | Did you mean 'png'? | 2
unknown data | attention {photo.jpg} --data xlsx | expected csv or json, got 'xlsx' | 2
unknown style | attention {photo.jpg} --style neon | unknown style 'neon' | 2
file as folder | attention {photo.jpg} --out {text.jpg} | is a file; name a folder | 1
folder below a file | attention {photo.jpg} --out {text.jpg}/below | is a file; name a folder | 1
unwritable folder | attention {photo.jpg} --out /proc/skviz | cannot write into | 1
existing output | attention {photo.jpg} --out {done} | already exists; pass --over | 1
folder in the way | attention {photo.jpg} --format pdf --out {done} --overwrite | it is a folder, expected a file name | 1
# The command itself
unknown command | atention {photo.jpg} | Did you mean 'attention'? | 2
strange command | zzz | no such command 'zzz'. Known are: | 2
unknown option | attention {photo.jpg} --scale 1 | No such option | 2
extra argument | models sknet50 sknet101 | unexpected extra argument | 2
"""  # noqa: E501
)


class Evil:
    """Unpickling this would leave a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, (str(self.mark), "w"))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good and bad files."""
    from PIL import Image

    place = tmp_path_factory.mktemp("bad")
    picture = Image.linear_gradient("L").resize((200, 160)).convert("RGB")
    picture.save(place / "photo.jpg")
    (place / "empty.jpg").touch()
    data = (place / "photo.jpg").read_bytes()
    (place / "truncated.jpg").write_bytes(data[: len(data) // 2])
    for name in ("text.jpg", "text.pth", "text.safetensors"):
        (place / name).write_text("This is text, and nothing else.\n")
    (place / "folder").mkdir()
    (place / "bomb.png").write_bytes(png_header(60_000, 60_000))
    (place / "evil.pth").write_bytes(pickle.dumps(Evil(place / "mark")))
    torch.save(build("sknet50_lite", units=(2, 2, 2, 2)).state_dict(), place / "other.pth")
    (place / "done").mkdir()
    (place / "done" / "photo_attention_3_4.png").write_text("mine")
    (place / "done" / "photo_attention_3_4.pdf").mkdir()
    return place


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG file of that size: what a decompression bomb begins with."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data)


def chunk(kind: bytes, data: bytes) -> bytes:
    length, check = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
    return length + kind + data + check


def arguments(text: str, folder: Path) -> list[str]:
    return text.replace("{", f"{folder}/").replace("}", "").split()


def run(text: str, folder: Path) -> Result:
    return CliRunner().invoke(cli, arguments(text, folder))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
@pytest.mark.parametrize("case", CASES)
def test_bad_input(
    case: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text, fragment, code = CASES[case]
    result = run(text, folder)
    assert isinstance(result.exception, SystemExit), result.exception
    assert " ".join(fragment.split()) in " ".join(result.stderr.split())
    assert result.exit_code == code
    assert "Error: " in result.stderr
    assert "Traceback" not in result.output
    if code != 3:
        assert list(tmp_path.iterdir()) == []


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 25


def test_nothing_was_overwritten(folder: Path) -> None:
    run("attention {photo.jpg} --out {done}", folder)
    assert (folder / "done" / "photo_attention_3_4.png").read_text() == "mine"


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
def test_malicious_weights_did_not_run(folder: Path) -> None:
    run("attention {photo.jpg} --weights {evil.pth}", folder)
    assert not (folder / "mark").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_on_a_machine_without(folder: Path) -> None:
    result = run("attention {photo.jpg} --device cuda", folder)
    assert "expected a CUDA device, found none" in result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize("case", ["empty image", "scale nan", "unknown command", "unknown option"])
def test_in_a_process_of_its_own(case: str, folder: Path, tmp_path: Path) -> None:
    text, fragment, code = CASES[case]
    done = subprocess.run(
        [sys.executable, "-m", "skviz.cli", *arguments(text, folder)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == code
    assert done.stdout == ""
    assert fragment in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "wrong", "near"),
    [("resample", "bicubik", "bicubic"), ("fill", "meen", "mean")],
)
def test_the_nearest_word_is_named(option: str, wrong: str, near: str) -> None:
    with pytest.raises(UsageError, match=rf"got '{wrong}'\. Did you mean '{near}'\?"):
        Options(**{option: wrong})


def test_the_nearest_precision_is_named() -> None:
    with pytest.raises(UsageError, match=r"got 'fp23'\. Did you mean 'fp32'\?"):
        check_precision("fp23")
