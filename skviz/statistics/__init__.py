"""Moments that merge, and tests of paired shifts."""
