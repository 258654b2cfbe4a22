"""
Means over a data set
=====================

Figure 3 (c): a data set passes through the network once, and every figure is drawn from its
records. The whiskers of the bars are standard deviations over images. This example uses twelve
drawn images.
"""

from pathlib import Path
from tempfile import mkdtemp

import skviz

work = Path(mkdtemp())
pictures = skviz.example_images(work / "pictures", per_class=4)
run = skviz.analyze(pictures, skviz.load_model(), out=work / "run", progress=False)
summary = skviz.summarise(run)
bars = skviz.draw_run(summary, "bars")

# %%
lines = skviz.draw_run(summary, "lines")

# %%
# Whiskers show how much images differ. Whether a unit shifts is a question of the paired change
# of the same images; with so few drawn images the intervals are rough.
summary.shifts[["unit", "from_scale", "to_scale", "n", "shift", "low", "high", "note"]].tail(4)
