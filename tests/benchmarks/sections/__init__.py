"""The sections of the benchmark: each has a TITLE, says in ABOUT what it times, and can `run`.

SHARE is its part of the time; QUICK says whether the quick benchmark has it too.
"""
