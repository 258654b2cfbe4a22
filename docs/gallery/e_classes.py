"""
Classes
=======

Figure 4: the mean attention difference of each class, one line per scale. Four classes of drawn
images stand in for a thousand.
"""

from pathlib import Path
from tempfile import mkdtemp

import skviz

work = Path(mkdtemp())
pictures = skviz.example_images(work / "pictures", classes=4, per_class=4)
run = skviz.analyze(
    pictures, skviz.load_model(), out=work / "run", scales=(1.0, 1.5), progress=False
)
classes = skviz.draw_run(skviz.summarise(run, resamples=0), "classes", units=("2_3", "3_4", "5_3"))

# %%
skviz.summarise(run, resamples=0).classes.query("unit == 'SK_3_4'")
