"""
One photograph
==============

Figure 3 (a) of the paper for a photograph: what the network sees at each scale, the attention of
the larger kernel over the channels of one unit, and the attention difference of the last unit of
every stage.
"""

import matplotlib.cbook

import skviz

photo = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
model = skviz.load_model()
views = skviz.enlarge(photo, scales=(1.0, 1.5, 2.0), spec=model)
attention = skviz.Probe(model)(views)
figure = skviz.draw_attention(views, attention, "3_4")

# %%
# The numbers. A result shows itself as a table.
attention
