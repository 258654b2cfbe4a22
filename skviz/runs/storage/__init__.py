"""The run folder on the disk: settings, shards, checksums, claims."""
