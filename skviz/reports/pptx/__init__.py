"""A report as slides of PowerPoint, with native charts."""
