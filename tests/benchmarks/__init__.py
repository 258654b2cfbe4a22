"""What has a bound in time or memory, measured: see `bench.py`."""
