"""The page: one file, nothing from outside, and it works in a browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skviz.errors import OutputError
from skviz.figures.provenance import Provenance
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.style.sheets import figure_style
from skviz.reports.document import figure_part
from skviz.reports.documents.of_images import image_document
from skviz.reports.documents.of_run import run_document
from skviz.reports.html.hover import class_marks, hover_data, panels_of
from skviz.reports.html.inline_svg import ColourPairs, inline_svg
from skviz.reports.html.page import _json, page
from skviz.reports.writers import writer_of
from skviz.runs.records import Run
from skviz.studies.image_result import ImageResult

# The name of SVG's namespace looks like an address and is none.
NAMESPACE = "http://www.w3.org/2000/svg"
MOST_BYTES = 5_000_000


class Elements(HTMLParser):
    """The elements of a page: names with attributes, ids, and the text of table cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "td":
            self._open = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.cells[-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def run_page(hard_run: Run) -> str:
    return page(run_document(hard_run, resamples=50)).decode()


@pytest.fixture(scope="module")
def image_page(many_scales: ImageResult) -> str:
    return page(image_document([many_scales])).decode()


def test_names_come_out_as_they_are(run_page: str, hard_names: tuple[str, ...]) -> None:
    elements = Elements(run_page)
    for name in hard_names:
        assert name in elements.cells, name
    # The two scripts that are ours, and no picture that was asked for by a name.
    kinds = [attributes.get("type") for attributes in elements.of("script")]
    assert kinds.count(None) == 1
    assert set(kinds) == {None, "application/json"}
    assert elements.of("img") == []


def test_names_in_an_image_report(image_page: str, hard_names: tuple[str, ...]) -> None:
    elements = Elements(image_page)
    assert sum(kind.get("type") is None for kind in elements.of("script")) == 1
    assert elements.of("img") == []
    data = re.search(r'<script type="application/json" class="data">(.*?)</script>', image_page)
    assert data is not None
    document = json.loads(data[1])
    assert document["labels"][0] == "1.0x"
    assert (len(document["views"]), len(document["labels"])) == (11, 11)
    assert {name for best in document["classes"] for name, _ in best} <= set(hard_names)


@pytest.mark.parametrize("which", ["run_page", "image_page"])
def test_nothing_is_asked_for_from_outside(which: str, request: pytest.FixtureRequest) -> None:
    text: str = request.getfixturevalue(which)
    assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text.replace(NAMESPACE, "")) == []
    elements = Elements(text)
    for _, attributes in elements.found:
        for name in ("src", "href", "xlink:href"):
            link = attributes.get(name)
            assert link is None or link.startswith(("#", "data:")), link
    policies = [a["content"] for a in elements.of("meta") if "http-equiv" in a]
    (policy,) = policies
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")
    assert "img-src data:" in policy
    assert len(text.encode()) < MOST_BYTES


@pytest.mark.parametrize("which", ["run_page", "image_page"])
def test_ids_are_unique_and_links_lead_somewhere(
    which: str, request: pytest.FixtureRequest
) -> None:
    text: str = request.getfixturevalue(which)
    elements = Elements(text)
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [a["href"] for _, a in elements.found if (a.get("href") or "").startswith("#")]
    links += [f"#{name}" for name in re.findall(r"url\(#([^)]+)\)", text)]
    assert links
    assert {link[1:] for link in links if link} <= set(ids)


def test_every_figure_has_an_alternative_text(hard_run: Run, run_page: str) -> None:
    contents = run_document(hard_run, resamples=50)
    labels = [a["aria-label"] for a in Elements(run_page).of("svg")]
    for part in contents.figures:
        assert labels.count(part.caption.alt) >= 2, part.name  # wide and narrow


@pytest.mark.parametrize("names", [None, ("a", "b", "c")])
def test_classes_are_marked_where_they_are_drawn(names: tuple[str, ...] | None) -> None:
    values = np.array([[[0.1, 0.2, 0.3], [0.2, 0.1, 0.4]]])
    curves = ClassCurves(values, np.array([0, 5, 9]), (1.0, 2.0), ("SK_2_1",), names)
    part = figure_part("classes", curves, Provenance("n", "w"))
    figure = part.draw("web")
    figure.draw_without_rendering()
    marks = class_marks(part.display, {"wide": figure})
    assert marks is not None
    (panel,) = marks["wide"]
    assert panel["labels"] == [0, 5, 9]
    gaps = np.diff(panel["x"])
    wanted = 1.0 if names else 5 / 4  # names stand side by side, numbers along their axis
    np.testing.assert_allclose(gaps[0] / gaps[1], wanted, rtol=0.01)
    box = figure.axes[0].get_window_extent()
    np.testing.assert_allclose(panel["top"], 1 - box.y1 / figure.bbox.height, atol=1e-3)
    assert box.x0 / figure.bbox.width < panel["x"][0] < panel["x"][-1] < 1


def test_smoothed_curves_have_no_marks() -> None:
    values = np.zeros((1, 2, 4))
    curves = ClassCurves(values, np.arange(4), (1.0, 2.0), ("SK_2_1",), smooth=2)
    part = figure_part("classes", curves, Provenance("n", "w"))
    assert class_marks(part.display, {"wide": part.draw("web")}) is None


def test_json_cannot_end_its_element() -> None:
    value = {"name": "</script><b>&\u2028\u2029"}
    text = str(_json(value))
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_text_in_figures_stays_text(run_page: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", run_page, re.S)
    assert any(">attention difference" in drawing for drawing in drawings)
    assert "DejaVu Sans" in drawings[0]
    assert not any("<style" in drawing or "<metadata" in drawing for drawing in drawings)


def _draw(style: str) -> Any:
    from matplotlib.figure import Figure

    with figure_style(style):
        figure = Figure(figsize=(3, 2))
        ax = figure.add_subplot()
        ax.plot([0, 1], color="#FFFFFF" if "dark" in style else "#000000", marker="o")
        if "dark" in style and "talk" in style:
            ax.plot([1, 0])
        ax.set_title("<b>", parse_math=False)
        return figure


def test_one_drawing_serves_light_and_dark() -> None:
    pairs = ColourPairs()
    text = inline_svg(_draw("default"), _draw("default,dark"), "f0", 'what "is" seen', pairs)
    assert text.count("<svg") == 1
    assert 'aria-label="what &quot;is&quot; seen"' in text
    assert "&lt;b&gt;" in text
    assert pairs.names[("#000000", "#ffffff")] in text
    assert "#000000" not in text


def test_two_drawings_where_shapes_differ() -> None:
    text = inline_svg(_draw("talk"), _draw("talk,dark"), "f0", "", ColourPairs())
    assert text.count("<svg") == 2
    assert (text.count('class="on-light"'), text.count('class="on-dark"')) == (1, 1)
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_a_page_is_not_overwritten_unasked(hard_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("mine")
    contents = run_document(hard_run, resamples=0)
    contents = replace(contents, figures=contents.figures[:1])  # The others take seconds.
    with pytest.raises(OutputError, match="already exists"):
        writer_of(file)(contents)
    assert file.read_text() == "mine"
    assert writer_of(file, overwrite=True)(contents) == [file]


# --- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs chromium and chromedriver (Debian: chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    window = webdriver.Chrome(options=options, service=service)
    yield window
    window.quit()


def opened(browser: Any, text: str, folder: Path, width: int = 1280) -> Any:
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(file.as_uri())
    return browser


def assert_quiet(browser: Any) -> None:
    """Nothing was said in the console, and nothing but the file was asked for."""
    assert browser.get_log("browser") == []
    asked = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"][:200])
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert any(url.startswith("file:") for url in asked)


def test_the_slider_goes_through_the_scales(
    browser: Any, image_page: str, many_scales: ImageResult, tmp_path: Path
) -> None:
    window = opened(browser, image_page, tmp_path)
    slider = window.find_element("css selector", "input[type=range]")
    shown = window.find_element("css selector", ".slide output")
    picture = ".picture img"
    assert shown.text == "1.0x"
    before = window.find_element("css selector", picture).get_attribute("src")
    charts = [window.find_element("css selector", f"{box} svg").get_attribute("aria-label")
              for box in (".curves", ".bars")]  # fmt: skip
    for _ in range(5):
        slider.send_keys("\ue014")  # the right arrow
    assert shown.text == slider.get_attribute("aria-valuetext") == "1.5x"
    image = window.find_element("css selector", picture)
    assert image.get_attribute("src") != before
    assert window.execute_script("return arguments[0].naturalWidth", image) == 32
    curves, bars = (
        window.find_element("css selector", f"{box} svg").get_attribute("aria-label")
        for box in (".curves", ".bars")
    )
    assert [curves, bars] != charts
    mean = float(many_scales.attention["SK_3_2"][5, 1].mean())
    assert f"at 1.5x, mean {mean:.4f}" in curves
    difference = float(many_scales.attention.difference("SK_5_1")[5])
    assert f"5_1 {difference:+.4f}" in bars
    slider.send_keys("\ue010")  # End
    assert shown.text == "2.0x"
    assert many_scales.classes is not None
    best = many_scales.classes[-1][0][0]
    first = window.find_element("css selector", ".seen li bdi")
    assert first.get_attribute("textContent") == best
    assert_quiet(window)


def test_tables_sort_by_click_and_by_key(browser: Any, run_page: str, tmp_path: Path) -> None:
    window = opened(browser, run_page, tmp_path)

    def column() -> list[float]:
        cells = window.execute_script(
            "return [...document.querySelectorAll('#table-shifts tbody tr')]"
            ".map((row) => row.cells[4].dataset.v)"
        )
        return [float(cell) for cell in cells]

    head = window.find_elements("css selector", "#table-shifts th")[4]
    button = head.find_element("css selector", "button")
    assert button.text.startswith("shift")
    assert column() != sorted(column())
    window.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    assert column() == sorted(column())
    assert head.get_attribute("aria-sort") == "ascending"
    button.send_keys("\ue007")  # Enter
    assert column() == sorted(column(), reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    assert_quiet(window)


def test_classes_are_found_and_marked(
    browser: Any, run_page: str, hard_names: tuple[str, ...], tmp_path: Path
) -> None:
    window = opened(browser, run_page, tmp_path)
    search = window.find_element("css selector", "input[type=search]")

    def rows() -> list[str]:
        found: list[str] = window.execute_script(
            "return [...document.querySelectorAll('#table-classes tbody tr')]"
            ".filter((row) => !row.hidden).map((row) => row.cells[1].textContent)"
        )
        return found

    assert sorted(rows()) == sorted(hard_names)
    search.send_keys("<SCRIPT>")
    assert rows() == ["<script>alert(1)</script>"]
    told = window.find_element("css selector", ".search output")
    assert told.text == "1 of 8 classes"
    assert len(window.find_elements("css selector", ".wide .mark")) == 4  # one in each panel
    search.clear()
    search.send_keys("猫")
    assert rows() == [hard_names[0]]
    assert_quiet(window)


@pytest.mark.parametrize("which", ["run_page", "image_page"])
def test_a_phone_shows_the_whole_width(
    browser: Any, which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    window = opened(browser, request.getfixturevalue(which), tmp_path, width=375)
    wide = window.execute_script("return document.documentElement.scrollWidth")
    assert wide <= 375
    assert_quiet(window)


def test_light_and_dark(browser: Any, run_page: str, tmp_path: Path) -> None:
    window = opened(browser, run_page, tmp_path)

    def colours() -> list[str]:
        found: list[str] = window.execute_script(
            "return [document.body, document.querySelector('.wide svg text')]"
            ".map((one, i) => getComputedStyle(one)[['backgroundColor', 'fill'][i]])"
        )
        return found

    assert colours()[0] == "rgb(255, 255, 255)"
    window.find_element("id", "theme").click()
    assert colours() == ["rgb(21, 24, 28)", "rgb(237, 237, 237)"]
    window.find_element("id", "theme").click()
    assert colours()[0] == "rgb(255, 255, 255)"
    assert_quiet(window)


def test_a_pointer_on_a_chart_tells_the_values(
    browser: Any, run_page: str, hard_run: Run, tmp_path: Path
) -> None:
    window = opened(browser, run_page, tmp_path)
    bars = next(
        part.display for part in run_document(hard_run, resamples=50).figures
        if part.name == "bars"
    )  # fmt: skip
    data = json.loads(
        window.execute_script("return document.querySelector('#bars script.values').textContent")
    )
    (panel,) = data["panels"]
    place = panel["drawn"]["wide"]
    share = place["first"] + place["step"] * 2
    height = (place["box"][1] + place["box"][3]) / 2
    window.execute_script(
        "const svg = document.querySelector('#bars .wide > svg'); svg.scrollIntoView();"
        "const box = svg.getBoundingClientRect();"
        "svg.dispatchEvent(new PointerEvent('pointermove', {"
        "clientX: box.left + arguments[0] * box.width,"
        "clientY: box.top + arguments[1] * box.height}))", share, height,
    )  # fmt: skip
    tip = window.find_element("css selector", ".tip")
    lines = tip.text.split("\n")
    assert lines[0] == bars.units[2]
    assert lines[1] == "1.0x"
    wanted = f"{bars.values[2, 0]:+.4f}".replace("-", "\N{MINUS SIGN}")
    assert lines[2].startswith(wanted)
    window.execute_script(
        "const svg = document.querySelector('#bars .wide > svg');"
        "svg.dispatchEvent(new PointerEvent('pointerleave'))"
    )
    assert not tip.is_displayed()
    assert_quiet(window)


def test_searched_classes_are_marked_with_their_names(
    browser: Any, run_page: str, tmp_path: Path
) -> None:
    window = opened(browser, run_page, tmp_path)
    window.find_element("css selector", ".search input").send_keys("dog")
    marked = window.execute_script(
        "return [...document.querySelectorAll('#classes .wide .marked')].map((t) => t.textContent)"
    )
    assert marked == ["\N{DOG} dog"] * 4  # one in each panel
    window.find_element("css selector", ".search input").clear()
    window.find_element("css selector", ".search input").send_keys("no such class")
    assert window.find_elements("css selector", ".marked") == []


def test_values_stand_where_the_marks_are(hard_run: Run) -> None:
    contents = run_document(hard_run, resamples=0)
    for part in contents.figures:
        figure = part.draw("web")
        figure.draw_without_rendering()
        data = hover_data(part.display, {"wide": figure})
        assert data is not None
        for panel, found in zip(data["panels"], panels_of(part.display), strict=True):
            ax = figure.axes[found.axes]
            place = panel["drawn"]["wide"]
            left, right = place["box"][0], place["box"][2]
            shares = place["first"] + place["step"] * np.array(panel["at"])
            ends = ax.transData.transform([(panel["at"][0], 0), (panel["at"][-1], 0)])[:, 0]
            np.testing.assert_allclose(shares[[0, -1]], ends / figure.bbox.width, atol=2e-4)
            assert left <= shares.min() <= shares.max() <= right
            assert len({len(panel["at"]), len(panel["names"])}) == 1
            assert all(len(texts) == len(panel["at"]) for _, texts in panel["series"])


def test_the_values_told_are_those_of_the_tidy_data(hard_run: Run) -> None:
    contents = run_document(hard_run, resamples=0)
    part = next(part for part in contents.figures if part.name == "classes")
    (first, *_) = panels_of(part.display)
    frame = part.data()
    frame = frame[frame["unit"] == part.display.units[0]]
    for label, texts in first.series:
        rows = frame[frame["scale"] == float(label.removesuffix("x"))]
        told = [float(text.replace("\N{MINUS SIGN}", "-")) for text in texts]
        np.testing.assert_allclose(sorted(told), sorted(rows.iloc[:, -1]), atol=5.1e-5)
