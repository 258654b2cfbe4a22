"""Studies: what is put together from several measurements of one network."""
