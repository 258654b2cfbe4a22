"""A report as a folder: figures, tables, captions and data in files of their own."""
