"""A report as one page of HTML, which works without anything from outside."""
