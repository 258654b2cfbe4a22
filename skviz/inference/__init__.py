"""What may be said of a network, from what runs and their controls measured."""
