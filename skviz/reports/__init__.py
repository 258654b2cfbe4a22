"""Figures and tables put together for a reader or a talk."""
