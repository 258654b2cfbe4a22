"""The attention replaced, and what becomes of the output."""
