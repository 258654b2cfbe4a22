"""What a reader sees in a terminal: tables, and what is said of a run on one screen."""
