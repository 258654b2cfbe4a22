"""The installation itself: versions, checks of what skviz needs, shell completion."""
