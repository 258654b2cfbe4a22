"""The explorer in a notebook: it runs there, and its page works with the messages it is sent."""

from __future__ import annotations

import base64
import http.server
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import skviz

pytest.importorskip("anywidget")
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytestmark = pytest.mark.slow
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
ASSETS = Path(skviz.__file__).parent.parent / "assets" / "explorer"

# Stands for Jupyter: the module that anywidget loads, and a comm over two addresses.
PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<link rel="stylesheet" href="explorer.css"><div id="cell"></div>
<script type="module">
import widget from "./explorer.js";
const listeners = [];
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
const model = {
  on: (name, listener) => listeners.push(listener),
  send: async (content) => {
    const reply = await fetch("comm", { method: "POST", body: JSON.stringify(content) });
    for (const [message, buffers] of await reply.json()) {
      listeners.forEach((listener) => listener(message, buffers.map(bytes)));
    }
  },
};
widget.render({ model, el: document.getElementById("cell") });
</script>"""


def test_the_widget_runs_in_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    cells = [
        "import skviz\nexplorer = skviz.explore(skviz.load_model())\nexplorer",
        "print(explorer.attention['3_4'].shape, list(explorer.result.views.scales))",
        "%matplotlib inline\nexplorer.figure()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    settings = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=120, resources=settings).execute()
    shown, printed, drawn = (cell.outputs for cell in notebook.cells)
    assert "application/vnd.jupyter.widget-view+json" in shown[-1].data
    assert printed[0].text == "(2, 2, 64) [1.0, 1.5]\n"
    assert "image/png" in drawn[-1].data


@pytest.fixture
def page() -> Iterator[tuple[str, Any]]:
    """Address of a page that shows the widget, and the widget."""
    explorer = skviz.explore(skviz.load_model(), skviz.example_photo())
    sent: list[Any] = []

    def send(content: Any, buffers: Any = None) -> None:
        sent.append((content, [base64.b64encode(data).decode() for data in buffers or ()]))

    explorer.send = send

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/")
            data = (ASSETS / name).read_bytes() if name else PAGE.encode()
            kinds = {"": "text/html", "explorer.js": "text/javascript", "explorer.css": "text/css"}
            self.answer(data, kinds[name])

        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["content-length"])))
            sent.clear()
            explorer._answer(None, content, [])
            self.answer(json.dumps(sent).encode(), "application/json")

        def answer(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", explorer
    server.shutdown()
    thread.join()


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromium-driver (Debian)")
def test_its_page_works_with_messages(page: tuple[str, Any]) -> None:
    webdriver = pytest.importorskip("selenium.webdriver")
    address, explorer = page
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for word in ("--headless=new", "--no-sandbox", "--window-size=1200,1000"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        driver.get(address)
        move = (
            "const s = document.getElementById('skx-scale'); if (!s) return null;"
            "if (s.value !== '2.5') { s.value = 2.5; s.dispatchEvent(new Event('input')); }"
            "return [document.querySelector('.skx').dataset.difference,"
            "document.querySelector('.skx-slider output').textContent]"
        )
        end = time.monotonic() + 20
        while True:
            found = driver.execute_script(move)
            result = explorer.result
            if found and found[1] == "2.5x" and 2.5 in result.views.scales:
                expected = float(result.attention.difference("3_4")[1])
                if abs(float(found[0] or 9) - expected) <= 1e-6:
                    break
            assert time.monotonic() < end, found
            time.sleep(0.1)
        image = driver.execute_script(
            "return document.querySelector('.skx-stage img').naturalWidth"
        )
        assert image == 300
        assert driver.get_log("browser") == []
    finally:
        driver.quit()
