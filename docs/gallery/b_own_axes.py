"""
On your own axes
================

Displays hold arrays and draw on any Matplotlib axes, beside your other charts.
"""

from matplotlib.figure import Figure

import skviz

photo = skviz.example_photo()
model = skviz.load_model()
attention = skviz.Probe(model)(skviz.enlarge(photo, spec=model))

with skviz.figure_style("default"):
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    early, late = figure.subplots(1, 2)
    for ax, unit in ((early, "2_3"), (late, "5_3")):
        skviz.ChannelLines.from_attention(attention, unit).plot(ax)
        ax.set_title(f"SK_{unit}")
