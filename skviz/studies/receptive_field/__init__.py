"""Effective receptive fields: maps, widths, and what attention adds."""
