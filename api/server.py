"""The HTTP server: uvicorn, with connections on which nothing moves broken off."""

import asyncio
import socket
import struct
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.logs import configuration
from malha.settings import Settings

ABORT = "malha.abort"
"""Where a request's scope has what breaks its connection off, whatever has not been sent yet."""


class _Protocol(HttpToolsProtocol):
    """A connection whose client has so long to send the head of a request."""

    seconds = 30.0
    _head_to_come: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[ABORT] = self._break_off
        if self._head_to_come is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._head_has_come()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_has_come()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head_to_come = self.loop.call_later(self.seconds, self._break_off)

    def _break_off(self) -> None:
        # What the kernel still has for the client is thrown away too.
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.transport.abort()

    def _head_has_come(self) -> None:
        if self._head_to_come is not None:
            self._head_to_come.cancel()
            self._head_to_come = None


def serve(settings: Settings) -> None:
    """Serve the API until a signal ends it."""
    protocol: Any = type("Protocol", (_Protocol,), {"seconds": settings.api_stall_seconds})
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=settings.api_host,
        port=settings.api_port,
        http=protocol,
        log_config=configuration(settings.api_log_format),
        access_log=False,
        server_header=False,
        ssl_certfile=settings.api_tls_certificate or None,
        ssl_keyfile=settings.api_tls_key or None,
        timeout_graceful_shutdown=10,
    )
