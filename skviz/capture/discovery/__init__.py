"""Finding the units of any network: what runs, not what it is called."""
