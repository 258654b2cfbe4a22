"""
All units, and every channel
============================

The attention difference along the network, and a map of every channel of one unit.
"""

from pathlib import Path
from tempfile import mkdtemp

import skviz

work = Path(mkdtemp())
pictures = skviz.example_images(work / "pictures", per_class=4)
run = skviz.analyze(pictures, skviz.load_model(), out=work / "run", progress=False)
summary = skviz.summarise(run, resamples=0)
depth = skviz.draw_run(summary, "units")

# %%
channels = skviz.draw_run(summary, "channels", units=("3_4",), sort="shift")
