"""
Random networks as a baseline
=============================

A shift is meaningful only if it exceeds that of random networks. The hatched band shows where this
network would lie if it shifted like random networks of the same architecture. Make these with
``skviz controls`` or, as here, in Python. With only five seeds and twelve drawn images the band is
wide.
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
