"""Words for files of other programs."""

from __future__ import annotations

import pytest

from skviz.reports.words import short_paths


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (
            "/home/a/venv/bin/skviz analyze /data/val --out runs/val",
            "skviz analyze val --out runs/val",
        ),
        ("skviz plot --out=/tmp/x/bars.png", "skviz plot --out=bars.png"),
        ("skviz attention '/my pictures/a dog.jpg'", "skviz attention 'a dog.jpg'"),
        (r"skviz analyze 'C:\\data\\val'", "skviz analyze val"),
        ("skviz analyze val --limit 5 /", "skviz analyze val --limit 5 /"),
        ("skviz 'open /a/b", "skviz ''\"'\"'open' b"),
        ("", ""),
    ],
)
def test_absolute_paths_are_cut_to_their_last_part(command: str, shown: str) -> None:
    assert short_paths(command) == shown
