"""`python -m skviz.cli`: the command `skviz` where its script is not on the path."""

from .main import main

main()
