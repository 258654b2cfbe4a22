"""Where things stand on a slide, in inches."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pptx.util import Emu

_PER_INCH = 914400
_SOURCE_HEIGHT = 0.5


@dataclass(frozen=True)
class Box:
    """A place on a slide, in inches."""

    left: float
    top: float
    width: float
    height: float

    @property
    def emu(self) -> tuple[Emu, Emu, Emu, Emu]:
        """As python-pptx takes it."""
        left, top, width, height = (
            Emu(round(_PER_INCH * n)) for n in (self.left, self.top, self.width, self.height)
        )
        return left, top, width, height

    @classmethod
    def of(cls, shape: object) -> Box:
        """Return the place of a shape or placeholder."""
        parts = (getattr(shape, name) for name in ("left", "top", "width", "height"))
        return cls(*(part / _PER_INCH for part in parts))

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    def columns(self, *shares: float, gap: float = 0.35) -> list[Box]:
        """Return boxes side by side, as wide as their shares of the whole."""
        room, left, boxes = self.width - gap * (len(shares) - 1), self.left, []
        for share in shares:
            width = room * share / sum(shares)
            boxes.append(replace(self, left=left, width=width))
            left += width + gap
        return boxes

    def below(self, height: float) -> Box:
        """Return what is left of the box below a strip of this height."""
        return replace(self, top=self.top + height, height=self.height - height)


@dataclass(frozen=True)
class Page:
    """The places of a slide: `body` holds charts and texts, `source` the line below them."""

    width: float
    height: float
    title: Box
    body: Box
    source: Box
    foot: Box
    number: Box

    @property
    def whole(self) -> Box:
        """The body of a slide without a line below it."""
        return replace(self.body, height=self.source.bottom - self.body.top)

    @classmethod
    def within(cls, width: float, height: float, title: Box, content: Box, foot: float) -> Page:
        """Return the page whose content has the body, and below it the line of the source."""
        body = replace(content, height=content.height - _SOURCE_HEIGHT - 0.1)
        source = Box(content.left, body.bottom + 0.1, content.width, _SOURCE_HEIGHT)
        return cls(
            width, height, title, body, source,
            foot=Box(content.left, foot, content.width - 1, 0.3),
            number=Box(content.right - 1, foot, 1, 0.3),
        )  # fmt: skip


WIDE = Page.within(13.333, 7.5, Box(0.6, 0.35, 12.133, 1.05), Box(0.6, 1.5, 12.133, 5.4), foot=7.02)
