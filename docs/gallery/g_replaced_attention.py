"""
Replaced attention
==================

Inside ``skviz.intervene`` every forward pass uses the replaced attention. Here all units use only
their largest kernel, so the attention difference is 1 everywhere. The bars are those of the
unchanged network.
"""

import numpy as np

import skviz

photo = skviz.example_photo()
model = skviz.load_model()
views = skviz.enlarge(photo, spec=model)
probe = skviz.Probe(model)
plain = probe(views, logits=True)
with skviz.intervene(probe, {"all": "largest"}):
    changed = probe(views, logits=True)

with skviz.figure_style():
    bars = skviz.UnitBars.from_attention(plain, "paper").plot()

# %%
changed.difference("3_4")

# %%
# The largest change of a logit at each scale:
dict(zip(views.scales, np.abs(changed.logits - plain.logits).max(axis=1).round(2), strict=True))
