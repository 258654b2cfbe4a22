"""Figures of a run: classes, units along the depth, channel by scale, random networks, paper."""
