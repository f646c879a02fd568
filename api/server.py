"""The HTTP server: uvicorn, with connections on which nothing moves broken off."""

import asyncio
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from logging.config import dictConfig
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.app import create_app
from api.logs import configuration
from malha.errors import SettingError
from malha.settings import Settings

_NOT_STARTED = 3
"""The exit code where it could not start, as uvicorn has it."""


class _Protocol(HttpToolsProtocol):
    """A connection whose client has so long to send the head of a request, or to read something of
    what waits for it."""

    seconds = 30.0
    _head_to_come: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None
    _unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_to_come is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._head_has_come()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        answered = self.cycle is None or self.cycle.response_complete
        idle = self._head_to_come is None and self.timeout_keep_alive_task is None
        if answered and idle and not self.transport.is_closing():
            # What came was no beginning of a request, and took the timer of idle connections away.
            self._await_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reading()

    def resume_writing(self) -> None:
        self._has_read()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_has_come()
        self._has_read()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head_to_come = self.loop.call_later(self.seconds, self._break_off)

    def _await_reading(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._reading = self.loop.call_later(self.seconds, self._look_at_reading)

    def _look_at_reading(self) -> None:
        if self.transport.get_write_buffer_size() < self._unread:
            self._await_reading()
        else:
            self._break_off()

    def _has_read(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _break_off(self) -> None:
        # What the kernel still has for the client is thrown away too.
        with suppress(OSError, ValueError):  # where the client has gone by itself
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        self.transport.abort()

    def _head_has_come(self) -> None:
        if self._head_to_come is not None:
            self._head_to_come.cancel()
            self._head_to_come = None


class _Beside(uvicorn.Server):
    """A server that leaves signals to the one that it runs beside."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Public(uvicorn.Server):
    """The server of the API, and beside it, for as long, another."""

    beside: uvicorn.Server | None = None
    beside_sockets: Sequence[socket.socket] = ()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        if self.beside is None:
            await super().serve(sockets)
            return
        other = asyncio.ensure_future(self.beside.serve(list(self.beside_sockets)))
        try:
            await super().serve(sockets)
        finally:
            self.beside.should_exit = True
            await other


def serve(settings: Settings) -> None:
    """Serve the API until a signal ends it.

    Raises:
        SettingError: the files of TLS, or the addresses, cannot be used.
    """
    # First, since it takes away what an application has added.
    dictConfig(configuration(settings.api_log_format))
    apps = create_app(settings)
    protocol: Any = type("Protocol", (_Protocol,), {"seconds": settings.api_stall_seconds})
    both: Any = {
        "http": protocol,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": 10,
    }
    public = _Public(
        uvicorn.Config(
            apps.public,
            host=settings.api_host,
            port=settings.api_port,
            ssl_certfile=settings.api_tls_certificate or None,
            ssl_keyfile=settings.api_tls_key or None,
            **both,
        )
    )
    try:
        public.config.load()
    except OSError as error:
        raise SettingError(
            f"API_TLS_CERTIFICATE={settings.api_tls_certificate!r} and "
            f"API_TLS_KEY={settings.api_tls_key!r} cannot be used ({error.strerror or error})"
        ) from error
    sockets = [_bound(public.config, "API_HOST and API_PORT")]
    if apps.health is not None:
        host, port = settings.api_health_host, settings.api_health_port
        public.beside = _Beside(
            uvicorn.Config(apps.health, host=host, port=port, lifespan="off", **both)
        )
        names = "API_HEALTH_HOST and API_HEALTH_PORT"
        public.beside_sockets = [_bound(public.beside.config, names)]
    with suppress(KeyboardInterrupt):
        public.run(sockets)
    if not public.started:
        sys.exit(_NOT_STARTED)


def _bound(config: uvicorn.Config, names: str) -> socket.socket:
    """A socket at a server's address, which nobody else may have."""
    try:
        return config.bind_socket()
    except SystemExit:
        raise SettingError(
            f"nothing can listen at {config.host}:{config.port} (the line before says why): "
            f"set {names}"
        ) from None
