"""
Means over a data set
=====================

Figure 3 (c): a data set goes through the network once, and every figure is drawn from its records.
The whiskers of the bars are standard deviations over images. Twelve drawn pictures serve here.
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
# Whiskers tell how images differ. Whether a unit shifts is told by the paired change of the same
# images; with so few drawn pictures the intervals are rough.
summary.shifts[["unit", "from_scale", "to_scale", "n", "shift", "low", "high", "note"]].tail(4)
