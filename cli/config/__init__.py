"""Defaults from configuration files: skviz.toml."""
