"""Any image file to upright sRGB, cut and enlarged."""
