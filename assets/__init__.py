"""Files that skviz ships; installed as `skviz.assets`.

Read them with `importlib.resources.files("skviz.assets")`, which works from a checkout, an
editable install and a wheel alike.
"""
