"""The explorer: a picture, a box, a slider, and the attention moves with it.

A `Session` answers the requests of the page, which reach it from a browser (`server`) or from a
notebook (`widget`). It has no numbers of its own: they are those of `skviz.analyze_image`.
"""
