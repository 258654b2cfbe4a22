"""A connection that asks for nothing is closed: it would hold one of few places for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


def impatient(seconds: float) -> type[H11Protocol]:
    """Return a protocol for uvicorn that waits so long for the head of a request."""

    class Impatient(H11Protocol):
        _alarm: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait()

        def handle_events(self) -> None:
            super().handle_events()
            if not self._is_idle():
                self._stop()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self._is_idle():
                self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def _is_idle(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _wait(self) -> None:
            self._stop()
            self._alarm = self.loop.call_later(seconds, self.transport.close)

        def _stop(self) -> None:
            if self._alarm is not None:
                self._alarm.cancel()

    return Impatient
