"""
One photograph
==============

Figure 3 (a) of the paper for a photograph: what the network sees at each scale, the attention of
the larger kernel over the channels of one unit, and the attention difference of the last unit of
every stage.
"""

import skviz

photo = skviz.example_photo()
model = skviz.load_model()
views = skviz.enlarge(photo, scales=(1.0, 1.5, 2.0), spec=model)
attention = skviz.Probe(model)(views)
figure = skviz.draw_attention(views, attention, "3_4")

# %%
# The numbers: a result is displayed as a table.
attention
