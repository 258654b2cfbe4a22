"""`skviz train`: its options, its messages, and Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner, Result

import skviz
from skviz.cli.commands.train import Interrupt, _how_to_resume, train
from skviz.cli.main import cli
from skviz.cli.options.training import PRECISIONS, RECIPE_FIELDS, option_name
from skviz.training import Checkpoint, Recipe, recipe as recipe_module
from tests.helpers.noise import in_classes, noise_pictures

# The least that makes the table's own network train.
QUICK = ["--epochs", "1", "--batch-size", "4", "--size", "16", "--precision", "fp32"]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two classes with 4 images of noise each."""
    return noise_pictures(tmp_path / "images", in_classes(4))


def run(*arguments: object, workers: int = 0) -> Result:
    words = ["train", *map(str, arguments), "--workers", str(workers)]
    return CliRunner().invoke(cli, words)


def test_every_field_of_the_recipe_has_an_option_with_its_default() -> None:
    usual = Recipe().to_dict()
    assert list(RECIPE_FIELDS) == list(usual)
    for field, (_, shown, _) in RECIPE_FIELDS.items():
        value = usual[field]
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        assert shown == ("--size" if value is None else text), field
    assert PRECISIONS == recipe_module.PRECISIONS


def test_options_reach_the_recipe() -> None:
    given = {
        "batch_size": "7", "crop_area": "0.3,0.9", "colour": "0.1", "precision": "bf16",
    }  # fmt: skip
    words = [word for field, value in given.items() for word in (option_name(field), value)]
    # The names of help as in the group: click keeps those of the first context.
    names = ["-h", "--help"]
    arguments = ["DATA", "--out", "DIR", *words]
    with train.make_context("train", arguments, help_option_names=names) as context:
        parameters = context.params
    fields = {name: parameters[name] for name in RECIPE_FIELDS if parameters[name] is not None}
    assert Recipe(**fields) == Recipe(
        batch_size=7, crop_area=(0.3, 0.9), colour=0.1, precision="bf16"
    )


def test_trains_and_leaves_weights(images: Path, tmp_path: Path) -> None:
    (images / "ant" / "text.png").write_text("no picture")
    out = tmp_path / "run"
    arguments = [images, "--out", out, *QUICK, "--validation", images, "--input-size", 32]
    first = run(*arguments, "--half", "--credit", "drawn by a test", "--json")
    assert first.exit_code == 0, first.output
    document = json.loads(first.stdout)
    assert document["classes"] == ["ant", "bee"]
    # The same folder twice: for training and for validation.
    assert [Path(image["path"]).name for image in document["unreadable"]] == ["text.png"] * 2
    assert document["epochs"][0]["epoch"] == 1
    assert "2 images cannot be read and are left out" in first.stderr
    assert "not an image that Pillow knows" in first.stderr
    assert "epoch 1, loss " in first.stderr
    assert ", validation top-1 " in first.stderr
    network = skviz.load_model("sknet50_lite", document["weights"])
    assert network.skviz.classes == ("ant", "bee")
    assert network.skviz.spec.size == 32

    again = run(*arguments)
    assert again.exit_code == 1
    assert "already holds a training run" in again.stderr
    other = run(*arguments, "--seed", 1, "--resume")
    assert other.exit_code == 1
    assert "recipe.seed: 0 there, 1 now" in other.stderr
    resumed = run(*arguments, "--resume")
    assert resumed.exit_code == 0
    assert f"written: {out / 'model.safetensors'}" in resumed.stdout
    quiet = run(*arguments, "--resume", "--quiet")
    assert (quiet.exit_code, quiet.stdout) == (0, "")


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (["--resume", "--overwrite"], "expected --resume or --overwrite, got both", 2),
        (["--resume"], "expected a checkpoint to resume at", 1),
        (["--epochs", "0"], "epochs: expected at least 1, got 0", 2),
        (["--epochs", "many"], "'many' is not a valid integer", 2),
        (["--crop-area", "0.5"], "expected two numbers such as 0.12,1, got '0.5'", 2),
        (["--crop-area", "1,0.5"], "crop area: expected two shares", 2),
        (["--model", "sknet51"], "unknown network 'sknet51'", 2),
        (["--precision", "int8"], "'int8' is not one of", 2),
        (["--input-size", "4"], "4 is not in the range x>=16", 2),
        (["--validation", "{images}/nothing"], "sub-folder per class, found none at", 2),
    ],
)
def test_wrong_usage(
    images: Path, tmp_path: Path, words: list[str], message: str, code: int
) -> None:
    words = [word.replace("{images}", str(images)) for word in words]
    result = run(images, "--out", tmp_path / "run", *words)
    assert result.exit_code == code
    assert message in result.stderr
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_data_that_cannot_be_trained_on(images: Path, tmp_path: Path) -> None:
    (images / "cup").mkdir()
    empty = run(images, "--out", tmp_path / "run")
    assert empty.exit_code == 2
    assert "found none for: cup; remove the empty folders or fill them" in empty.stderr
    alone = run(images / "ant", "--out", tmp_path / "run")
    assert alone.exit_code == 2
    assert "at least two class sub-folders" in alone.stderr
    missing = run(images / "nothing", "--out", tmp_path / "run")
    assert missing.exit_code == 2
    assert "found none at" in missing.stderr


def test_out_must_be_a_folder(images: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run(images, "--out", tmp_path / "file")
    assert result.exit_code == 1
    assert "is a file; name a folder" in result.stderr


def test_interrupted_before_the_first_step() -> None:
    assert "before the first step" in _how_to_resume(Path("run"), None)
    with pytest.raises(KeyboardInterrupt), Interrupt():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_first_interrupt_waits_for_the_step_and_the_second_does_not() -> None:
    with Interrupt() as interrupt:
        interrupt.check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.slow
def test_control_c_leaves_a_checkpoint_and_says_how_to_go_on(images: Path, tmp_path: Path) -> None:
    """A terminal of its own: the progress bar shows, and Ctrl-C also reaches the workers."""
    out = tmp_path / "run"
    words = [sys.executable, "-m", "skviz.cli", "train", str(images), "--out", str(out), *QUICK]
    words[words.index("1")] = "500"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*words, "--workers", "1"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120", "TERM": "xterm"},
    )
    os.close(theirs)
    shown = read_until(ours, b"epoch 2, loss")
    os.write(ours, b"\x03")
    shown += read_until(ours, None)
    os.close(ours)
    assert process.wait(timeout=120) == 130
    told = " ".join(shown.decode().split())
    assert "/500" in told
    assert "accuracy" in told
    epoch = Checkpoint.load(out / "checkpoint.pt").epoch
    assert epoch >= 2
    assert f"holds {epoch} whole epochs. Run the same command with --resume to go on" in told
    assert "Traceback" not in told
    assert sorted(path.name for path in out.iterdir()) == ["checkpoint.pt", "metrics.json"]


def read_until(terminal: int, wanted: bytes | None, seconds: float = 240) -> bytes:
    """Read from a terminal until something shows (None: until its other end closes)."""
    shown, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux: the other end is closed.
            part = b""
        shown += part
        if not part or (wanted is not None and wanted in shown):
            return shown
    raise AssertionError(f"waited in vain for {wanted!r}, saw: {shown.decode()}")


def test_shares_as_click_shows_them() -> None:
    option = next(p for p in train.params if p.name == "crop_area")
    assert isinstance(option, click.Option)
    assert option.type.convert((0.1, 0.2), option, None) == (0.1, 0.2)
