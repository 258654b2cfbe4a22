"""The explorer in a notebook: the same page as an anywidget."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget

from skviz.data import example_photo
from skviz.errors import SkvizError
from skviz.explorer.session import Download, Session
from skviz.pictures.images import ImageSource
from skviz.reports.single import result_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import nn

    from skviz.capture.attention import Attention
    from skviz.studies.image_result import ImageResult

_ASSETS = files("skviz.assets").joinpath("explorer")


class Explorer(anywidget.AnyWidget):
    """The explorer as a widget; made by `skviz.explore`.

    `result`, `attention` and `figure` are of what the page shows when they are asked for.
    """

    _esm = _ASSETS.joinpath("explorer.js").read_text(encoding="utf-8")
    _css = _ASSETS.joinpath("explorer.css").read_text(encoding="utf-8")

    def __init__(self, model: nn.Module, *images: ImageSource) -> None:
        super().__init__()
        self._session = Session.of(model, images or (example_photo(),))
        self.on_msg(self._answer)

    @property
    def result(self) -> ImageResult:
        """What the page shows, as `skviz.analyze_image` returns it, with 1.0x."""
        return self._session.shown()

    @property
    def attention(self) -> Attention:
        """The attention of every unit at 1.0x and the scale that the page shows."""
        return self.result.attention

    def figure(self) -> Figure:
        """Draw what the page shows as figure 3 (a) of the paper."""
        from skviz.figures import figure_style

        with figure_style("default"):
            return result_figure(self._session.shown(figure=True)).plot().figure_

    def _answer(self, _: Any, message: dict[str, Any], buffers: list[memoryview]) -> None:
        number, data = message.get("id"), bytes(buffers[0]) if buffers else b""
        try:
            reply = self._session.handle(
                str(message.get("kind")), message.get("payload") or {}, data
            )
        except SkvizError as error:
            self.send({"id": number, "error": str(error)})
            return
        if isinstance(reply, Download):
            file = {"media_type": reply.media_type, "name": reply.name}
            self.send({"id": number, "file": file}, [reply.data])
        else:
            self.send({"id": number, "reply": reply})
