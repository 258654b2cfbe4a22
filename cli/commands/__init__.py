"""One thin file per command; `skviz.cli.main` imports the one that is called."""
