"""The benchmark's own logic, and that each section runs; how long anything takes is not tested."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import gpu, scaling
from benchmarks.bench import SECTIONS, fields, section_of, write
from benchmarks.machine import machine
from benchmarks.measuring import (
    Bound,
    NotRun,
    Result,
    interleaved,
    measured_from_dict,
    rounds,
)
from benchmarks.pictures import photograph, write_photographs
from benchmarks.report import Section, document, line, markdown
from benchmarks.setting import SIZES, TESTS, Failed, environment, python

AT_MOST = Bound(1.0)
AT_LEAST = Bound(1.0, at_most=False)


@pytest.mark.parametrize(
    ("values", "bound", "verdict"),
    [
        ((0.9, 0.95, 1.5), AT_MOST, "ok"),
        ((0.99, 1.05, 1.1), AT_MOST, "within its spread"),
        ((1.01, 1.05, 1.1), AT_MOST, "behind"),
        ((1.01,), AT_MOST, "behind"),
        ((0.5, 1.0, 1.2), AT_LEAST, "ok"),
        ((0.8, 0.9, 1.01), AT_LEAST, "within its spread"),
        ((0.8, 0.9, 0.99), AT_LEAST, "behind"),
        # Of five rounds on, one that fell out of line does not count.
        ((0.5, 1.1, 1.1, 1.1, 1.1), AT_MOST, "behind"),
        ((3.0, 2.0), None, ""),
    ],
)
def test_a_bound_is_broken_beyond_the_spread(
    values: tuple[float, ...], bound: Bound | None, verdict: str
) -> None:
    assert Result("x", values, "s", bound).verdict == verdict


def test_one_round_counts_with_the_spread_that_is_assumed() -> None:
    one = Result("x", (1.05,), "s", AT_MOST, assumed=0.1)
    assert (one.low, one.high) == pytest.approx((0.945, 1.155))
    assert one.verdict == "within its spread"
    assert Result("x", (1.2,), "s", AT_MOST, assumed=0.1).verdict == "behind"


def test_results_survive_json() -> None:
    measured = [Result("x", (1.0, 2.0), "s", AT_LEAST, "n", 0.1), NotRun("y", "not there")]
    again = [measured_from_dict(json.loads(json.dumps(one.to_dict()))) for one in measured]
    assert again == measured


def test_every_way_is_divided_by_its_neighbours() -> None:
    # A machine that takes 1 s longer for everything it does.
    clock = iter(range(1, 100))
    found = interleaved(
        lambda: float(next(clock)),
        {"one": lambda: float(next(clock)), "two": lambda: 2.0 * next(clock)},
        seconds=0,
        least=2,
        most=2,
    )
    assert found.ratios == {"one": [1.0, 1.0], "two": [2.0, 2.0]}
    # The second round begins with the other way.
    assert found.seconds == {"one": [2.0, 9.0], "two": [8.0, 14.0]}
    assert found.base == [1.0, 3.0, 5.0, 6.0, 8.0, 10.0]


def test_rounds_end_with_the_time() -> None:
    assert list(rounds(0, least=2, most=9)) == [0, 1]
    assert list(rounds(1000, least=1, most=4)) == [0, 1, 2, 3]


def test_the_report_names_what_was_not_run(tmp_path: Path) -> None:
    behind = Result("slow", (3.0, 4.0, 5.0), "of a | bar", AT_MOST, "in bad light")
    section = Section("Capture", "what it is", [behind, NotRun("captum", "ImportError: no")])
    assert [result.name for result in section.behind] == ["slow"]
    page = markdown({"cores": "2"}, [section], "full")
    row = "| slow (in bad light) | 4.00 of a \\| bar | 3.00 to 5.00 | 3 | at most 1 | behind |"
    assert row in page
    assert "| captum | not run: ImportError: no | | | | |" in page
    assert "not run on a GPU" in page
    assert line(behind).endswith("(3.00 to 5.00, 3 rounds), at most 1: BEHIND [in bad light]")
    write(tmp_path / "b.md", {"cores": "2"}, [section], "full")
    assert (tmp_path / "b.md").read_text() == page
    found = json.loads((tmp_path / "b.json").read_text())
    assert found == json.loads(json.dumps(document({"cores": "2"}, [section], "full")))
    assert found["sections"][0]["results"][0]["verdict"] == "behind"


def test_the_machine_is_described_without_names_of_places() -> None:
    import platform

    described = machine(2)
    assert described["threads"] == "2"
    assert "torch" in described["packages"]
    text = json.dumps(described)
    assert platform.node() not in text
    assert str(Path.home()) not in text
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", described["date"])


def test_photographs_are_the_same_for_the_same_number(tmp_path: Path) -> None:
    assert photograph(3) == photograph(3)
    assert photograph(3) != photograph(4)
    (file,) = write_photographs(tmp_path, 1)
    with Image.open(file) as image:
        assert image.format == "JPEG"
        assert image.size == (500, 375)
        grey = np.asarray(image.convert("L"), dtype=float)
    # A photograph: neighbours are alike, distant pixels are not.
    near = np.abs(np.diff(grey, axis=1)).mean()
    far = np.abs(grey[:, 100:] - grey[:, :-100]).mean()
    assert near < 0.6 * far


def test_a_failed_process_says_why() -> None:
    with pytest.raises(Failed, match="ValueError: no such thing"):
        python("-c", "raise ValueError('no such thing')", threads=1)


@pytest.mark.parametrize("size", SIZES)
def test_every_section_says_what_it_times(size: str) -> None:
    for name in SECTIONS:
        module = section_of(name)
        assert module.TITLE
        assert "{" not in module.ABOUT.format(**fields(size, 2))
    assert sum(section_of(name).SHARE for name in SECTIONS) <= 1.1


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_runs(name: str, tmp_path: Path) -> None:
    """In a process of its own: a section sets the allocator and threads of its process."""
    command = [
        sys.executable, str(TESTS / "benchmarks" / "bench.py"), "--size", "tiny", "--threads", "1",
        "--seconds", "0.01", "--only", name, "--folder", str(tmp_path), "--report",
        str(tmp_path / "report.md"),
    ]  # fmt: skip
    done = subprocess.run(
        command, env=environment(1), capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (section,) = json.loads((tmp_path / "report.json").read_text())["sections"]
    measured = [result for result in section["results"] if "median" in result]
    assert measured, done.stdout
    assert all(np.isfinite(result["median"]) for result in measured)
    # Nothing but tools that are not installed may be missing.
    reasons = [result["not run"] for result in section["results"] if "median" not in result]
    allowed = ("ImportError", "ModuleNotFoundError", "the quick run leaves it out")
    assert all(reason.startswith(allowed) for reason in reasons), reasons


def test_the_peers_read_the_same_attention() -> None:
    torch = pytest.importorskip("torch")
    from benchmarks.peers import MAKERS
    from benchmarks.setting import attention_modules, network

    model = network("tiny")
    paths = attention_modules(model)
    batch = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = MAKERS["hooks"](model, paths)(batch)
    assert [tuple(one.shape) for one in expected] == [(2, 2, 8), (2, 2, 16)]
    for name in ("captum", "nnsight", "torchlens"):
        try:
            capture = MAKERS[name](network("tiny"), paths)
        except ImportError:
            continue
        for one, other in zip(expected, capture(batch), strict=True):
            torch.testing.assert_close(one, other)


def test_the_script_for_graphics_cards_runs_on_a_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gpu.json"
    arguments = ["--device", "cpu", "--images", "8", "--network", "tiny", "--workers", "0"]
    monkeypatch.setattr(sys, "argv", ["gpu.py", *arguments, "--json", str(file)])
    assert gpu.main() == 0
    found = json.loads(file.read_text())["networks"]["tiny"]
    assert found["views"] == 24
    stages = found["alone_views_per_second"]
    assert stages["decode and views"] > 0
    assert stages["bare forward pass"] > 0
    expected = 150_000 / found["views_per_second"]
    assert found["extrapolated_seconds_for_150000_views"] == pytest.approx(expected)
    assert "extrapolated to 150,000 views" in capsys.readouterr().out


def test_a_straight_line_is_found() -> None:
    exact = scaling.Line("images", (1, 2, 4), (3.0, 5.0, 9.0))
    assert (exact.slope, exact.fixed, exact.r2) == pytest.approx((2, 1, 1))
    bent = scaling.Line("images", (1, 2, 3, 4), (1.0, 4.0, 9.0, 16.0))
    assert bent.r2 < 0.97


def test_costs_follow_from_what_was_measured() -> None:
    def points(of: str, slope: float) -> dict[str, object]:
        return scaling.Line(of, (10, 20), (1 + 10 * slope, 1 + 20 * slope)).to_dict()

    found = {
        "machine": {"processor": "one", "cores": "2", "date": "2026-01-01 00:00 UTC"},
        "network": "sknet50_lite",
        "lines": [points("images", 0.036), points("scales", 0.1), points("units", 0.003)],
        "memory": [{"images": 10, "peak_mib": 500.0}, {"images": 100, "peak_mib": 510.0}],
        "ranks": [{"ranks": 1, "seconds": 20.0}, {"ranks": 2, "seconds": 11.0}],
        "bytes_per_image": 1000.0,
        "units_of_network": 10,
    }
    page = scaling.tables(found)
    assert "| 1,000,000 images, three scales | 10.0 h | 37.5 min | 1.0 GB |" in page
    assert "| 10 networks, 50,000 images each | 5.0 h | 18.8 min | 500 MB |" in page
    # 990 units more, each 0.003 s for 10 images: 0.297 s an image beside 0.036 s.
    assert "| 4.6 h | 17.3 min | 5.0 GB |" in page
    assert "2 processes against one: 1.82 times as fast" in page
    assert scaling.text(found).startswith("images: 36.0 ms each and 1.000 s in any case")
