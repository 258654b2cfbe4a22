"""Command line: one thin file per command; installed as `skviz.cli`."""
