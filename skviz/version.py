"""The version of skviz; loads nothing."""

__version__ = "0.1.0"
