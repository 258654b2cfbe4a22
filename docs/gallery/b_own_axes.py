"""
On axes of your own
===================

Displays hold arrays and draw on any Matplotlib axes, next to whatever else belongs there.
"""

import matplotlib.cbook
from matplotlib.figure import Figure

import skviz

photo = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
model = skviz.load_model()
attention = skviz.Probe(model)(skviz.enlarge(photo, spec=model))

with skviz.figure_style("default"):
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    early, late = figure.subplots(1, 2)
    for ax, unit in ((early, "2_3"), (late, "5_3")):
        skviz.ChannelLines.from_attention(attention, unit).plot(ax)
        ax.set_title(f"SK_{unit}")
