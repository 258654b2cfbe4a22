"""The page in a real browser: what a reader does, and that its numbers are the command's.

With SKVIZ_PICTURES=DIR it also writes the pictures of the documentation's page there.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import skviz
from skviz.cli.main import cli

selenium = pytest.importorskip("selenium")
pytest.importorskip("starlette")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="needs chromium and chromium-driver (Debian)"
    ),
]
STATE = "return document.getElementById('explorer').explorer.state"
DROP = """
const done = arguments[arguments.length - 1], [data, name] = arguments;
const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
const files = new DataTransfer();
files.items.add(new File([bytes], name, { type: 'image/jpeg' }));
document.querySelector('.skx').dispatchEvent(
  new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
done();
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of `skviz explore`, as a user starts it."""
    line = [sys.executable, "-m", "skviz.cli", "explore", "example", "--no-browser"]
    server = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.send_signal(2)
    assert server.wait(20) == 0


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Callable[..., webdriver.Chrome]]:
    started = []

    def start(width: int = 1400, height: int = 1250, dark: bool = False) -> webdriver.Chrome:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM or ""
        for word in ("--headless=new", "--no-sandbox", f"--window-size={width},{height}"):
            options.add_argument(word)
        options.add_argument("--hide-scrollbars")
        options.add_experimental_option("prefs", {"download.default_directory": str(tmp_path)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        found = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        started.append(found)
        if width < 500:
            size = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True}
            found.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        if dark:
            media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
            found.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        return found

    yield start
    for found in started:
        messages = found.get_log("browser")
        found.quit()
        assert messages == []


def until(driver: webdriver.Chrome, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until the page shows something that holds, and has the curve; return its state."""
    end = time.monotonic() + 20
    while True:
        state = driver.execute_script(STATE) or {}
        if state.get("shown") and state.get("curve") and holds(state):
            return dict(state)
        assert time.monotonic() < end, {k: v for k, v in state.items() if k != "shown"}
        time.sleep(0.05)


def button(driver: webdriver.Chrome, text: str) -> Any:
    found = driver.find_elements(By.TAG_NAME, "button")
    return next(one for one in found if one.text == text)


def slide(driver: webdriver.Chrome, scale: float) -> None:
    driver.execute_script(
        "const s = document.getElementById('skx-scale'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('input'));",
        scale,
    )


def picture(driver: webdriver.Chrome, name: str) -> None:
    folder = os.environ.get("SKVIZ_PICTURES")
    if folder:
        driver.save_screenshot(str(Path(folder) / f"explore-{name}.png"))


def check(driver: webdriver.Chrome, state: dict[str, Any], folder: Path) -> str:
    """Run the copied command where the pictures are, and compare every number of the page."""
    button(driver, "Copy command").click()
    end = time.monotonic() + 10
    code = driver.find_element(By.CSS_SELECTOR, ".skx-code")
    while f"{state['scale']:g}" not in code.text:
        assert time.monotonic() < end
        time.sleep(0.05)
    words = shlex.split(code.text)
    assert words[:2] == ["skviz", "attention"]
    units = ["--units", "all", "--out", str(folder / "out"), "--overwrite"]
    data = [*units, "--json", "--data", "json"]
    here = os.getcwd()
    os.chdir(folder)
    try:
        done = CliRunner().invoke(cli, ["--no-config", *words[1:], *data])
    finally:
        os.chdir(here)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    at = document["scales"].index(state["scale"])
    for shown in state["shown"]["units"]:
        unit = document["units"][shown["name"]]
        assert abs(unit["difference"][at] - shown["difference"]) <= 1e-6
        np.testing.assert_allclose(unit["attention_mean"][at], shown["means"], atol=1e-6)
    if document["classes"]:
        assert state["shown"]["predictions"][0]["label"] == document["classes"][at][0]["class"]
    return code.text


def test_a_reader_explores(
    address: str, browser: Callable[..., webdriver.Chrome], tmp_path: Path
) -> None:
    driver = browser()
    driver.get(address)
    state = until(driver, lambda s: s["scale"] == 1.5)
    picture(driver, "start")
    # Another picture is dropped.
    photo = skviz.read_image(skviz.example_photo()).resize((400, 300))
    photo.save(tmp_path / "dropped.jpg", quality=95)
    data = base64.b64encode((tmp_path / "dropped.jpg").read_bytes()).decode()
    driver.execute_async_script(DROP, data, "dropped.jpg")
    state = until(driver, lambda s: s["shown"]["picture"] == "p2")
    check(driver, state, tmp_path)
    # A box is dragged, the slider moved, a unit chosen.
    stage = driver.find_element(By.CSS_SELECTOR, ".skx-stage")
    drag = ActionChains(driver).move_to_element_with_offset(stage, -90, -120)
    drag.click_and_hold().move_by_offset(90, 100).move_by_offset(130, 130).release().perform()
    slide(driver, 2.2)
    state = until(driver, lambda s: s["box"] and s["shown"]["scale"] == 2.2)
    left, _, right, _ = state["box"]
    shown = state["shown"]["crop"]
    assert abs((left + right) / 2 - (shown[0] + shown[2]) / 2) < 0.1
    bar = driver.find_element(By.CSS_SELECTOR, "[data-unit='SK_5_1']")
    ActionChains(driver).move_to_element(bar).click().perform()
    state = until(driver, lambda s: s["unit"] == "SK_5_1")
    assert "--box" in check(driver, state, tmp_path)
    heads = [head.text for head in driver.find_elements(By.TAG_NAME, "h2")]
    assert "SK_5_1: attention of the 5x5 kernel" in heads
    # Pinned, a control, an untrained network: each with the command's numbers.
    button(driver, "Pin").click()
    assert "2.2x" in driver.find_element(By.CSS_SELECTOR, ".skx-legend").text
    driver.find_element(By.CSS_SELECTOR, "input[value=blur]").click()
    state = until(driver, lambda s: s["control"] == "blur" and s["shown"]["notes"])
    assert "--control blur" in check(driver, state, tmp_path)
    picture(driver, "control")
    driver.find_element(By.CSS_SELECTOR, "input[type=checkbox]").click()
    state = until(driver, lambda s: s["untrained"] and s["shown"]["predictions"] == [])
    assert "--no-pretrained" in check(driver, state, tmp_path)
    # A figure is saved.
    button(driver, "Save").click()
    saved = tmp_path / "dropped_attention_5_1.png"
    end = time.monotonic() + 20
    while not saved.exists():
        assert time.monotonic() < end, driver.find_element(By.CSS_SELECTOR, "[role=alert]").text
        time.sleep(0.1)
    assert saved.read_bytes().startswith(b"\x89PNG")


def test_the_keyboard_is_enough(address: str, browser: Callable[..., webdriver.Chrome]) -> None:
    driver = browser()
    driver.get(address)
    until(driver, lambda s: s["scale"] == 1.5)
    # The arrows work before anything has the focus; those that scroll the page still do.
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_LEFT):
        ActionChains(driver).send_keys(key).perform()
        until(
            driver, lambda s, at=1.5 if key == Keys.ARROW_LEFT else 1.55: s["shown"]["scale"] == at
        )
    time.sleep(1)  # The bars are drawn anew when the numbers come: then the focus rests.
    reached: list[str] = []
    for _ in range(80):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        active = driver.switch_to.active_element
        name = active.get_attribute("aria-label") or active.text or active.get_attribute("type")
        reached.append(str(name))
        if active.get_attribute("data-unit") == "SK_2_3":
            active.send_keys(Keys.ENTER)
            break
    until(driver, lambda s: s["unit"] == "SK_2_3")
    for wanted in ("Dark", "Full screen", "Open a picture…", "Pin", "Save", "Copy Python", "radio"):
        assert wanted in reached, wanted
    ActionChains(driver).send_keys(Keys.ARROW_RIGHT).perform()
    until(driver, lambda s: s["shown"]["scale"] == 1.55)
    ActionChains(driver).send_keys("p").perform()
    assert "1.55x" in driver.find_element(By.CSS_SELECTOR, ".skx-legend").text
    ActionChains(driver).send_keys(Keys.HOME).perform()
    until(driver, lambda s: s["shown"]["scale"] == 1)


def drag(driver: webdriver.Chrome, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag on the picture, from and to shares of its width and height."""
    stage = driver.find_element(By.CSS_SELECTOR, ".skx-stage")
    width, height = stage.size["width"], stage.size["height"]
    (x0, y0), (x1, y1) = (
        (round((x - 0.5) * width), round((y - 0.5) * height)) for x, y in (start, end)
    )
    chain = ActionChains(driver, duration=60).move_to_element_with_offset(stage, x0, y0)
    chain.click_and_hold().move_to_element_with_offset(stage, x1, y1).release().perform()


def shown_box(driver: webdriver.Chrome, right: float) -> list[float]:
    """Wait until the page shows a box with about this right edge, in pixels; return the box."""
    box = until(driver, lambda s: s["box"] and abs(s["box"][2] - right) < 2)["box"]
    return [float(edge) for edge in box]


def test_a_box_is_resized_and_lost_pins_are_named(
    address: str, browser: Callable[..., webdriver.Chrome]
) -> None:
    driver = browser()
    driver.get(address)
    until(driver, lambda s: s["scale"] == 1.5)
    width = skviz.read_image(skviz.example_photo()).width
    drag(driver, (0.3, 0.3), (0.7, 0.8))
    before = shown_box(driver, 0.7 * width)
    drag(driver, (0.7, 0.8), (0.8, 0.9))
    after = shown_box(driver, 0.8 * width)
    assert after[:2] == before[:2]
    assert after[3] > before[3]
    # A drag that opens no box, and one that is taken away, leave the box as it is.
    drag(driver, (0.1, 0.2), (0.1, 0.6))
    driver.execute_script(
        "const s = document.querySelector('.skx-stage'); s.setPointerCapture = () => {};"
        "for (const kind of ['pointerdown', 'pointercancel'])"
        "  s.dispatchEvent(new PointerEvent(kind, { clientX: 60, clientY: 120 }));"
    )
    state = driver.execute_script(STATE)
    assert (state["box"], state["center"]) == (after, None)
    button(driver, "Pin").click()
    drag(driver, (0.5, 0.5), (0.6, 0.5))  # the box moves: the pin is of another box
    shown_box(driver, 0.9 * width)
    button(driver, "Copy command").click()
    status = driver.find_element(By.CSS_SELECTOR, "[role=status]")
    end = time.monotonic() + 10
    while "; without the pinned 1.5x" not in status.text:
        assert time.monotonic() < end, status.text
        time.sleep(0.05)


def test_a_full_screen_scrolls_to_its_end(
    address: str, browser: Callable[..., webdriver.Chrome]
) -> None:
    driver = browser(1400, 700)
    driver.get(address)
    until(driver, lambda s: s["scale"] == 1.5)
    button(driver, "Full screen").click()
    end = time.monotonic() + 10
    while not driver.execute_script("return document.fullscreenElement"):
        assert time.monotonic() < end
        time.sleep(0.05)
    reached = driver.execute_script(
        "const r = document.fullscreenElement; r.scrollTop = 1e6;"
        "return [r.scrollHeight, r.scrollTop + r.clientHeight]"
    )
    assert reached[0] > 700
    assert abs(reached[0] - reached[1]) <= 1


def test_a_picture_that_does_not_come_is_said(
    address: str, browser: Callable[..., webdriver.Chrome]
) -> None:
    driver = browser()
    driver.get(address)
    until(driver, lambda s: s["scale"] == 1.5)
    drag(driver, (0.3, 0.3), (0.7, 0.8))
    width = skviz.read_image(skviz.example_photo()).width
    box = shown_box(driver, 0.7 * width)
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/api/picture"]})
    driver.find_element(By.CSS_SELECTOR, ".skx-thumbs button").click()
    alert = driver.find_element(By.CSS_SELECTOR, "[role=alert]")
    end = time.monotonic() + 10
    while "does not answer" not in alert.text:
        assert time.monotonic() < end, alert.text
        time.sleep(0.05)
    assert driver.execute_script(STATE)["box"] == box  # what is shown is still what is asked
    # Chromium itself reports what it blocked; the page throws nothing.
    messages = [entry["message"] for entry in driver.get_log("browser")]
    assert all("net::ERR_BLOCKED" in message for message in messages), messages


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_every_control_has_a_name_and_fits(
    address: str, browser: Callable[..., webdriver.Chrome], width: int, dark: bool
) -> None:
    driver = browser(width, 1250 if width > 500 else 844, dark)
    driver.get(address)
    until(driver, lambda s: s["scale"] == 1.5)
    tree = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {"button", "slider", "radio", "checkbox", "combobox", "spinbutton", "image", "img"}
    unnamed = [
        node
        for node in tree
        if node.get("role", {}).get("value") in roles
        and not node.get("ignored")
        and not node.get("name", {}).get("value")
    ]
    assert unnamed == []
    words = driver.find_elements(By.CSS_SELECTOR, ".skx-term")
    assert len(words) == 7
    for word in words:  # each opens its own explanation, within the page
        word.find_element(By.TAG_NAME, "summary").click()
        meaning = word.find_element(By.TAG_NAME, "p")
        assert len(meaning.text) > 40
        assert meaning.rect["x"] >= 0
        assert meaning.rect["x"] + meaning.rect["width"] <= width
        word.find_element(By.TAG_NAME, "summary").click()
    wide = driver.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    dark_now = driver.execute_script("return document.querySelector('.skx.dark') !== null")
    assert dark_now == dark
    picture(driver, f"{width}-{'dark' if dark else 'light'}")


def test_two_hundred_moves_end_with_the_last(
    address: str, browser: Callable[..., webdriver.Chrome]
) -> None:
    driver = browser()
    driver.get(address)
    until(driver, lambda s: s["scale"] == 1.5)
    driver.execute_async_script(
        "const done = arguments[0]; const s = document.getElementById('skx-scale'); let n = 0;"
        "const go = () => { s.value = 0.5 + (n % 51) * 0.05; s.dispatchEvent(new Event('input'));"
        "n += 1; if (n < 200) setTimeout(go, 20); else { s.value = 2.75;"
        "s.dispatchEvent(new Event('input')); done(); } }; go();"
    )
    began = time.monotonic()
    until(driver, lambda s: s["shown"]["scale"] == 2.75)
    assert time.monotonic() - began < 3
