"""What is tried: each kind has one way to hurt skviz, and says what went wrong."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from tests.campaign import samples
from tests.campaign.child import Result, content, run, skviz
from tests.campaign.mutate import damaged, edited

MODEL = ("--model", "tiny")
READ = ("--workers", "0")
SAME = "--no-tune"  # what is measured to be fastest may differ from time to time
SCALES = ("--scales", "1,2")


class Kind:
    """One kind of harm. `prepare` once, then `attempt` any number of times in fresh folders."""

    name = ""
    weight = 1.0  # share of the time

    def __init__(self, home: Path, base: int) -> None:
        self.home, self.base = home, base
        home.mkdir(parents=True, exist_ok=True)
        self.slowest, self.peak = 0.0, 0
        self.prepare()

    def prepare(self) -> None:
        """Make what every attempt needs, below `self.home`."""

    def attempt(self, rng: Random, folder: Path) -> tuple[int, list[str]]:
        """Try once or several times; return how many tries it was, and the faults."""
        raise NotImplementedError

    def run(self, action: Callable[[], object], folder: Path, **bounds: Any) -> Result:
        """Run in a child of its own and take note of time and memory."""
        result = run(action, folder, **bounds)
        self.slowest = max(self.slowest, result.seconds)
        self.peak = max(self.peak, result.peak - self.base)
        return result

    def done(self, folder: Path, *words: object) -> Result:
        """Run a command that must succeed."""
        result = self.run(skviz(*words), folder)
        if result.code or result.signal:
            raise RuntimeError(f"skviz {' '.join(map(str, words))}: {result}")
        return result


class Pictures(Kind):
    """Damaged pictures: an image or an `ImageError`, in little time and memory."""

    name, weight = "pictures", 2.0
    each = 25

    def prepare(self) -> None:
        self.samples = samples.encoded()

    def attempt(self, rng: Random, folder: Path) -> tuple[int, list[str]]:
        names = sorted(self.samples)
        for index in range(self.each):
            name = rng.choice(names)
            other = self.samples[rng.choice(names)]
            data = damaged(self.samples[name], rng, other)
            (folder / f"{index:02}-{name}").write_bytes(data)

        def read_all() -> None:
            from skviz.errors import ImageError
            from skviz.pictures.images import read_image

            for path in sorted(folder.glob("[0-9]*")):
                try:
                    read_image(path)
                except ImageError as error:
                    print(error)

        if rng.random() < 0.9:
            return self.each, self.run(read_all, folder).faults(self.base)
        words = ("analyze", folder, *MODEL, *READ, *SCALES, "--out", folder / "run")
        return self.each, self.run(skviz(*words), folder).faults(self.base)


class _Canary:
    """Unpickled by a careless reader, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


class Checkpoints(Kind):
    """Damaged, lying and hostile checkpoints: weights or a `SkvizError`, and no code runs."""

    name, weight = "checkpoints", 2.0
    each = 8

    def prepare(self) -> None:
        (self.home / "weights").mkdir()
        self.samples = samples.checkpoints(self.home / "weights")

    def attempt(self, rng: Random, folder: Path) -> tuple[int, list[str]]:
        canary = folder / "executed"
        for index in range(self.each):
            self._write(rng, folder, index, canary)

        def load_all() -> None:
            from skviz import load_model
            from skviz.errors import SkvizError

            for path in sorted(folder.glob("[0-9]*")):
                try:
                    load_model("tiny", weights=path)
                except SkvizError as error:
                    print(error)

        found = self.run(load_all, folder).faults(self.base)
        one = rng.choice(sorted(folder.glob("[0-9]*")))
        if rng.random() < 0.2:
            picture = self.home / "picture.png"
            samples.picture().save(picture)
            words = ("attention", picture, *MODEL, "--weights", one, "--out", folder / "out")
            found += self.run(skviz(*words), folder).faults(self.base)
        if canary.exists():
            found.append("code of a checkpoint was executed")
        return self.each, found

    def _write(self, rng: Random, folder: Path, index: int, canary: Path) -> None:
        import torch

        name = rng.choice(sorted(self.samples))
        data = self.samples[name]
        way = rng.random()
        path = folder / f"{index:02}-{name}"
        if way < 0.45:
            path.write_bytes(damaged(data, rng, self.samples[rng.choice(sorted(self.samples))]))
        elif way < 0.75:
            path = path.with_suffix(".safetensors")
            path.write_bytes(_with_header(self.samples["own.safetensors"], rng))
        elif way < 0.9:
            torch.save(samples.odd_state(rng), path.with_suffix(".pth"))
        elif way < 0.97:
            hostile: Any = _Canary(canary)
            if rng.random() < 0.5:
                hostile = {"state_dict": hostile}
            if rng.random() < 0.5:
                torch.save(hostile, path.with_suffix(".pt"))
            else:
                path.with_suffix(".pt").write_bytes(pickle.dumps(hostile))
        else:
            os.mkfifo(path.with_suffix(".pt"))


def _with_header(data: bytes, rng: Random) -> bytes:
    """Return safetensors whose header, or the description inside it, says something else."""
    size = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + size].decode()
    if rng.random() < 0.5:
        document = json.loads(header)
        about = document["__metadata__"]
        about["skviz"] = edited(about["skviz"], rng)
        header = json.dumps(document)
    else:
        header = edited(header, rng)
    text = header.encode("utf-8", "surrogatepass")
    length = len(text) if rng.random() < 0.95 else rng.choice((0, 1 << 62, len(text) + 9))
    return length.to_bytes(8, "little") + text + data[8 + size :]


class Folders(Kind):
    """Edited and damaged run folders: a sentence, never a traceback or a hang."""

    name, weight = "run folders", 3.0

    def prepare(self) -> None:
        home = self.home
        data = samples.dataset(home / "data")
        usual = (data, *MODEL, *READ, *SCALES)
        self.done(home, "analyze", *usual, "--shard-size", 2, "--out", home / "made" / "run")
        self.done(home, "controls", *usual, "--only", "blur", "--seeds", 1,
                  "--out", home / "made" / "controls")  # fmt: skip
        self.done(home, "intervene", *usual, "--out", home / "made" / "interventions")
        self.usual = usual

    def attempt(self, rng: Random, folder: Path) -> tuple[int, list[str]]:
        what = rng.choice(("run", "run", "controls", "interventions"))
        there = folder / "edited"
        shutil.copytree(self.home / "made" / what, there)
        self._edit(rng, there)
        command = {"run": "analyze", "controls": "controls", "interventions": "intervene"}[what]
        again = (command, *self.usual, "--out", there)
        if what == "controls":
            again = (*again, "--only", "blur", "--seeds", 1)
        if what == "run":
            again = (*again, "--shard-size", 2)
        words = rng.choice(
            [
                ("summary", there),
                ("summary", there, "--json"),
                ("report", there, "--to", folder / "report"),
                ("plot", there, "--figure", "bars", "--out", folder / "bars.svg"),
                ("summary", there, "--about"),
                ("merge", there, self.home / "made" / "run", "--out", folder / "merged"),
                ("compare", there, self.home / "made" / "run"),
                again,
            ]
        )
        result = self.run(skviz(*words), folder)
        said = " ".join(map(str, words)).replace(str(folder), "").replace(str(self.home), "")
        return 1, [f"skviz {said}: {fault}" for fault in result.faults(self.base)]

    def _edit(self, rng: Random, there: Path) -> None:
        files = sorted(path for path in there.rglob("*") if path.is_file())
        # The small files that say what a folder is are the ones that people edit.
        texts = [path for path in files if path.suffix == ".json"]
        path = rng.choice(texts if rng.random() < 0.6 else files)
        other = rng.choice(files)
        way = rng.random()
        if path.suffix == ".json" and way < 0.8:
            path.write_text(edited(path.read_text(), rng), errors="surrogatepass")
        elif way < 0.85:
            path.write_bytes(damaged(path.read_bytes(), rng, other.read_bytes()))
        elif way < 0.92:
            path.unlink()
        elif way < 0.96:
            shutil.copyfile(other, path) if other != path else path.unlink()
        else:
            path.unlink()
            rng.choice((lambda: os.mkfifo(path), path.mkdir))()


@dataclass(frozen=True)
class Command:
    """A command that writes a folder; `out` is the option that names it.

    `again` is said when the folder is there already, `expected` is what the folder should hold,
    `seconds` how long making it takes.
    """

    words: tuple[Any, ...]
    again: tuple[str, ...] = ()
    out: str = "--out"
    expected: Mapping[str, bytes] = field(default_factory=dict)
    seconds: float = 0.0

    def into(self, out: Path) -> tuple[Any, ...]:
        """Return the command line that writes, or goes on writing, a folder."""
        there = out.exists() and any(out.iterdir())
        again = self.again
        if again == ("--resume",) and not (out / "checkpoint.pt").exists():
            again = ("--overwrite",)
        return (*self.words, self.out, out, *(again if there else ()))


class _Written(Kind):
    """Commands that write, and what they write when nothing goes wrong: made once for all."""

    commands: ClassVar[dict[str, Command]] = {}

    def prepare(self) -> None:
        if self.commands:
            return
        home = self.home
        data = samples.dataset(home / "data", 4)
        usual = (data, *MODEL, *READ, *SCALES)
        made, halves = home / "run", [home / "first", home / "second"]
        self.done(home, "analyze", *usual, SAME, "--out", made)
        for place, half in enumerate(halves, 1):
            self.done(home, "analyze", *usual, SAME, "--part", f"{place}/2", "--out", half)
        train = (
            "train",
            data,
            *MODEL,
            "--epochs",
            3,
            "--size",
            16,
            "--batch-size",
            4,
            "--workers",
            0,
        )
        new = ("--overwrite",)
        for name, command in {
            "analyze": Command(("analyze", *usual, SAME, "--shard-size", 2)),
            "controls": Command(("controls", *usual, SAME, "--only", "blur", "--seeds", 1), new),
            "intervene": Command(("intervene", *usual)),
            "receptive-field": Command(("receptive-field", data, *MODEL, *SCALES), new),
            "merge": Command(("merge", *halves)),
            "train": Command(train, ("--resume",)),
            "report": Command(("report", made), new, "--to"),
        }.items():
            out = home / "expected" / name
            result = self.done(home, *command.into(out))
            self.commands[name] = replace(command, expected=content(out), seconds=result.seconds)

    def settle(self, name: str, folder: Path, out: Path) -> list[str]:
        """Run the command again until it is done; return what is not as it should be."""
        result = self.run(skviz(*self.commands[name].into(out)), folder)
        found = result.faults(self.base)
        if result.code or result.signal:
            last = (result.stderr.strip().splitlines() or [""])[-1]
            return [*found, f"{name} again: exit code {result.code}: {last}"]
        return found + self.differences(name, out)

    def differences(self, name: str, out: Path) -> list[str]:
        """Compare what is there with what should be."""
        came, expected = content(out), self.commands[name].expected
        found = [f"{name}: {file} is missing" for file in sorted(expected.keys() - came.keys())]
        found += [f"{name}: {file} is left over" for file in sorted(came.keys() - expected.keys())]
        found += [
            f"{name}: {file} differs"
            for file in sorted(expected.keys() & came.keys())
            if not _same(file, expected[file], came[file])
        ]
        return found


# What the clock says is another matter each time, and so are the folder's name and files that
# show it.
_CLOCK = (
    "interventions",
    "created",
    "command",
    "seconds",
    "images_per_second",
    "measured",
    "cost",
    "costs",
)
_SHOWS_CLOCK = (".pdf", ".png", ".svg", ".pt", ".md", ".html")


def _same(name: str, expected: bytes, came: bytes) -> bool:
    if name.endswith(".json"):
        return _timeless(json.loads(expected)) == _timeless(json.loads(came))
    if name.endswith(_SHOWS_CLOCK):
        same_end = name.endswith((".md", ".pt")) or came[-5:] == expected[-5:]
        return same_end and abs(len(came) - len(expected)) < 2000
    return expected == came


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if key not in _CLOCK}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


class Kills(_Written):
    """SIGKILL at any moment, up to three times: the next run finishes with the same bytes."""

    name, weight = "kills", 4.0

    def attempt(self, rng: Random, folder: Path) -> tuple[int, list[str]]:
        name = rng.choice(sorted(self.commands))
        command = self.commands[name]
        out, found, kills = folder / "out", list[str](), 0
        for _ in range(rng.choice((1, 1, 2, 3))):
            moment = rng.uniform(0, 1.2) * command.seconds
            result = self.run(skviz(*command.into(out)), folder, kill_after=moment)
            kills += result.killed
            found += result.faults(self.base)
        return max(kills, 1), found + self.settle(name, folder, out)


class Disks(_Written):
    """A disk that is full at any byte: a sentence, and the next run finishes."""

    name, weight = "full disks", 1.0

    def attempt(self, rng: Random, folder: Path) -> tuple[int, list[str]]:
        name = rng.choice(sorted(self.commands))
        out = folder / "out"
        command = self.commands[name]
        room = rng.randrange(1, max(map(len, command.expected.values())))
        result = self.run(skviz(*command.into(out)), folder, largest_file=room)
        found = result.faults(self.base)
        if not result.code and (wrong := self.differences(name, out)):
            found += [f"done with a full disk: {one}" for one in wrong]
        return 1, found + self.settle(name, folder, out)


class Races(_Written):
    """Two processes on one folder: both say how it ended, and what is left is whole."""

    name, weight = "races", 1.0

    def attempt(self, rng: Random, folder: Path) -> tuple[int, list[str]]:
        name = rng.choice(("analyze", "intervene", "merge", "report"))
        command = self.commands[name]
        out, beside = folder / "out", folder / "beside"
        beside.mkdir()
        wait = rng.uniform(0, 0.3)

        def both() -> None:
            import time

            other = os.fork()
            if other == 0:
                time.sleep(wait)
                os.dup2(os.open(beside / "stderr", os.O_WRONLY | os.O_CREAT, 0o666), 2)
            try:
                skviz(*command.into(out))()
            finally:
                if other:
                    _, status = os.waitpid(other, 0)
                    if os.waitstatus_to_exitcode(status) not in (0, 1, 2, 3):
                        print("Traceback (most recent call last)\nthe other one", status)

        found = self.run(both, folder).faults(self.base)
        said = (beside / "stderr").read_text() if (beside / "stderr").exists() else ""
        if "Traceback" in said:
            found.append("traceback in the other process: " + said.strip().splitlines()[-1])
        return 1, found + self.settle(name, folder, out)


_SHARDS = ("\x1b[31m", "\n", "\t", "\udcff", "é", "\u202e", "'", '"', "<b>", "&", "=1+1", "%s",
           "{x}", "😀", "中文", "\\", "$x$", " ", ".", "-", "CON", "\x7f", "a" * 60)  # fmt: skip


class Names(Kind):
    """Any name that a file system takes, for files, classes and folders."""

    name, weight = "names", 1.5

    def attempt(self, rng: Random, folder: Path) -> tuple[int, list[str]]:
        data = folder / self._name(rng)
        for _ in range(2):
            held = data / self._name(rng)
            held.mkdir(parents=True, exist_ok=True)
            for seed in range(2):
                self._save(held / (self._name(rng) + ".png"), seed)
        out, found = folder / self._name(rng), []
        steps = [
            ("analyze", data, *MODEL, *READ, *SCALES, "--class-channels", "--out", out),
            ("summary", out),
            ("summary", out, "--json"),
            ("report", out, "--to", folder / f"report.{rng.choice(('html', 'pptx', 'pdf'))}"),
            ("plot", out, "--figure", "classes", "--out", folder / "classes.png"),
        ]
        for words in steps:
            result = self.run(skviz(*words), folder)
            found += [f"{words[0]}: {fault}" for fault in result.faults(self.base)]
            if result.code:
                last = (result.stderr.strip().splitlines() or [""])[-1]
                found.append(f"{words[0]}: exit code {result.code}: {last}")
                break
            if "--json" in words:
                json.loads(result.stdout)
        return len(steps), found

    def _name(self, rng: Random) -> str:
        while True:
            name = "".join(rng.choice(_SHARDS) for _ in range(rng.choice((1, 2, 3))))
            name = name.lstrip("-").strip(". ")  # hidden files and options are another matter
            if name and len(os.fsencode(name)) < 200:
                return name

    def _save(self, path: Path, seed: int) -> None:
        with open(path, "wb") as file:
            samples.picture(seed).save(file, "PNG")


class Permissions(Kind):
    """Files and folders that may not be read or written, as a user who is not root."""

    name, weight = "permissions", 1.0

    def attempt(self, rng: Random, folder: Path) -> tuple[int, list[str]]:
        folder.chmod(0o777)
        data = samples.dataset(folder / "data")
        out = folder / "out"
        things = [data / "ant", data / "ant" / "0.png", data / "bee" / "1.png", data / "bee"]
        closed = rng.choice(things)
        closed.chmod(rng.choice((0, 0o111 if closed.is_dir() else 0o222)))
        words: tuple[Any, ...] = ("analyze", data, *MODEL, *READ, *SCALES, "--out", out)
        if rng.random() < 0.3:
            words = ("attention", data / "ant" / "0.png", data / "bee" / "2.png", *MODEL,
                     "--out", out)  # fmt: skip
        result = self.run(skviz(*words), folder, restricted=True)
        found = result.faults(self.base)
        shown = closed.relative_to(folder)
        if words[0] == "analyze" and result.code not in (1, 2, 3):
            found.append(f"{shown} is closed, and analyze ends with {result.code}")
        if result.code and closed.name not in result.stderr:
            found.append(f"{shown} is closed, and no message names it")
        return 1, found


KINDS = (Pictures, Checkpoints, Folders, Kills, Disks, Races, Names, Permissions)
