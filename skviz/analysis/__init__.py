"""What attention means: one image, data sets, statistics."""
