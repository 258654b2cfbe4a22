"""
Random networks as a yardstick
==============================

A shift is worth a word only where it is beyond what random networks do. The hatched band shows
where this network would be if it shifted like random ones of the same architecture; it is made
by ``skviz controls`` or, as here, from Python. Five seeds and twelve drawn pictures are few: the
band is wide.
"""

from pathlib import Path
from tempfile import mkdtemp

import skviz

work = Path(mkdtemp())
pictures = skviz.example_images(work / "pictures", per_class=4)
suite = skviz.controls(
    pictures,
    skviz.load_model(),
    out=work / "controls",
    scales=(1.0, 2.0),
    units="paper",
    seeds=5,
    only=["random-*"],
    progress=False,
)
bars = skviz.draw_run(skviz.summarise(suite.plain, resamples=0), "bars", null=suite.null)
