"""One way to get the attention of a folder of photographs, in a process of its own.

    python -m benchmarks.work WAY --network sknet50 --photos DIR --images 512 --out DIR

Prints as JSON how many images took how many seconds: from the call on, without the imports; for
tools other than skviz also without building the network. `bare` are forward passes over
ready tensors and nothing else.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.peers import MAKERS
from benchmarks.setting import SCALES, attention_modules, network, register_tiny

BATCH = 16
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def transforms_of(scale: float, pixels: int) -> Any:
    """Torchvision's evaluation transform, of the centre enlarged by `scale`."""
    from torchvision import transforms

    return transforms.Compose(
        [
            transforms.Resize(round(pixels / 0.875 * scale)),
            transforms.CenterCrop(pixels),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )


class Photographs(torch.utils.data.Dataset[Tensor]):
    """Three views of each file, (3, 3, H, W)."""

    def __init__(self, files: list[Path], pixels: int) -> None:
        self.files = files
        self.views = [transforms_of(scale, pixels) for scale in SCALES]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        from PIL import Image

        image = Image.open(self.files[index]).convert("RGB")
        return torch.stack([view(image) for view in self.views])


def bare(options: argparse.Namespace) -> dict[str, float]:
    """Forward passes at batch 16 with the allocator set right, for at least `--seconds`."""
    from skviz.hardware.allocator import keep_memory

    keep_memory()
    model = network(options.network).eval()
    pixels = model.skviz.spec.size
    batches = [torch.randn(options.batch, 3, pixels, pixels) for _ in range(2)]
    passes = 0
    with torch.no_grad():
        model(batches[0])
        start = time.perf_counter()
        while passes < 2 or time.perf_counter() - start < options.seconds:
            model(batches[passes % len(batches)])
            passes += 1
    seconds = time.perf_counter() - start
    return {"images": passes * options.batch / len(SCALES), "seconds": seconds}


def analyze(options: argparse.Namespace) -> dict[str, float]:
    """The command `skviz analyze`, from its call to its end.

    `steady` leaves out what happens before the first batch is done: it costs the same for many
    images as for few.
    """
    import pandas  # noqa: F401  (imports are not what is timed)
    import pyarrow.parquet  # noqa: F401

    from skviz.cli.main import cli
    from skviz.runs import analyze  # noqa: F401
    from skviz.runs.progress import Progress

    register_tiny()
    done: list[tuple[float, int]] = []
    advance = Progress.advance

    def watched(self: Progress, images: int) -> None:
        advance(self, images)
        done.append((time.perf_counter(), images))

    Progress.advance = watched  # type: ignore[method-assign]
    scales = ",".join(map(str, SCALES))
    arguments = ["analyze", str(options.photos), "--out", str(options.out), "--scales", scales]
    arguments += ["--model", options.network, "--limit", str(options.images), "--quiet"]
    start = time.perf_counter()
    cli.main([*arguments, *options.extra.split()], standalone_mode=False)
    end = time.perf_counter()
    steady = sum(images for _, images in done[1:])
    return {
        "images": options.images,
        "seconds": end - start,
        "steady_images": steady,
        "steady_seconds": end - done[0][0],
    }


def notebook(options: argparse.Namespace) -> dict[str, float]:
    """The loop of a notebook: an image at a time, its views as a batch, hooks, a data frame."""
    import pandas as pd

    model = network(options.network).eval()
    paths = attention_modules(model)
    capture = MAKERS["hooks"](model, paths)
    photographs = Photographs(_files(options), model.skviz.spec.size)
    capture(photographs[0])
    rows = []
    start = time.perf_counter()
    for index in range(len(photographs)):
        found = capture(photographs[index])
        for path, attention in zip(paths, found, strict=True):
            for scale, mean in zip(SCALES, attention.mean(dim=-1), strict=True):
                rows.append((index, path, scale, *mean.tolist()))
    pd.DataFrame(rows).rename(columns=str).to_parquet(options.out)
    return {"images": len(photographs), "seconds": time.perf_counter() - start}


def peer(options: argparse.Namespace) -> dict[str, float]:
    """A tool in a careful loop: a loader process, batches over images and scales, a data frame.

    Less than what skviz keeps: means over channels, and no moments of channels.
    """
    import pandas as pd

    if options.keep_memory:
        from skviz.hardware.allocator import keep_memory

        keep_memory()
    model = network(options.network).eval()
    paths = attention_modules(model)
    capture = MAKERS[options.way](model, paths)
    pixels = model.skviz.spec.size
    capture(torch.randn(3, 3, pixels, pixels))
    rows = []
    start = time.perf_counter()
    for number, views in enumerate(_loaded(options, pixels)):
        found = capture(views.flatten(0, 1))
        for path, attention in zip(paths, found, strict=True):
            for row, mean in enumerate(attention.mean(dim=-1).tolist()):
                rows.append((number, row, path, *mean))
    pd.DataFrame(rows).rename(columns=str).to_parquet(options.out)
    return {"images": options.images, "seconds": time.perf_counter() - start}


def _loaded(options: argparse.Namespace, pixels: int) -> Iterator[Tensor]:
    photographs = Photographs(_files(options), pixels)
    images = -(-options.batch // len(SCALES))
    return iter(torch.utils.data.DataLoader(photographs, batch_size=images, num_workers=1))


def _files(options: argparse.Namespace) -> list[Path]:
    return sorted(options.photos.rglob("*.jpg"))[: options.images]


WAYS = {"bare": bare, "analyze": analyze, "notebook": notebook} | {
    name: peer for name in MAKERS if name != "hooks"
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--network", default="sknet50")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--keep-memory", action="store_true", help="of a peer: set the allocator")
    parser.add_argument("--extra", default="", help="more options of skviz analyze")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(json.dumps(WAYS[options.way](options)))


if __name__ == "__main__":
    main()
