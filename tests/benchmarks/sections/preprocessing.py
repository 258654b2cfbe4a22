"""From a JPEG file to its views: decoded once for all scales, or again for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from benchmarks.measuring import Measured, Result, interleaved, timed
from benchmarks.pictures import write_photographs
from benchmarks.setting import SCALES, Setting
from benchmarks.work import transforms_of
from skviz.data.loading import ViewMaker
from skviz.pictures.images import read_image
from skviz.pictures.scaling import InputSpec

TITLE = "Preprocessing"
ABOUT = (
    "JPEG files of about 500 x 375 pixels to three views of {pixels} x {pixels}, in one thread; "
    "ratios to skviz decoding each file once."
)
SHARE = 0.03
QUICK = False


def run(setting: Setting) -> list[Measured]:
    torch.set_num_threads(1)
    size = setting.size
    files = write_photographs(setting.folder / "photos", size.decoded)
    spec = InputSpec(size.pixels)
    together = ViewMaker(SCALES, spec)
    single = [ViewMaker((scale,), spec) for scale in SCALES]
    resize = [transforms_of(scale, size.pixels) for scale in SCALES]

    def over(work: Callable[[Path], object]) -> Callable[[], float]:
        def all_files() -> None:
            for file in files:
                work(file)

        return lambda: timed(all_files)

    def per_scale(file: Path) -> object:
        return [maker(read_image(file), None) for maker in single]

    def torchvision(file: Path) -> object:
        image = Image.open(file).convert("RGB")
        return [view(image) for view in resize]

    base = over(lambda file: together(read_image(file), None))
    base()
    ways = {
        "skviz, decoding for each scale": over(per_scale),
        "torchvision's transforms, decoding once": over(torchvision),
        "decoding alone": over(lambda file: read_image(file)),
    }
    found = interleaved(base, ways, setting.seconds, size.least)
    rates = tuple(len(files) / seconds for seconds in found.base)
    return [
        Result("skviz, decoding once: images a second in one thread", rates, "images/s"),
        *(
            Result(name, tuple(ratios), "of decoding once for all scales")
            for name, ratios in found.ratios.items()
        ),
    ]
