"""Where things stand in a figure: the page, panels of equal size, the lines at its foot."""
