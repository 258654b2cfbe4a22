"""A data set through a network into a folder of records."""
