"""The outermost part of the API: what is too large is refused, and what browsers are told."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.middleware.cors import CORSMiddleware

from api.problems import MEDIA_TYPE, body_of
from malha.settings import Settings

Asgi = Callable[..., Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MAX_TARGET = 8_000
"""Bytes of path and query string."""

MAX_HEADERS = 16_000
"""Bytes of all headers together."""

MAX_BODY = 64_000
"""Bytes of a request's body; no path takes one."""

_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


def security_headers(settings: Settings) -> Headers:
    """What every answer tells a browser."""
    if not settings.api_tls_certificate:
        return _ALWAYS
    return [*_ALWAYS, (b"strict-transport-security", b"max-age=31536000")]


_AROUND_AT_ONCE = 4
"""Requests of what is not a product: whoever sends many waits behind himself, and products behind
few of them."""

_ALIVE = "/health/live"


class Edge:
    """Wraps the application.

    Args:
        fast: answers below `/api/`; it sends the security headers by itself.
        around: answers everything else.
    """

    def __init__(self, fast: Asgi, around: Asgi, settings: Settings) -> None:
        self._fast = fast
        self._around = around
        self._headers = security_headers(settings)
        self._turns = asyncio.Semaphore(_AROUND_AT_ONCE)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one connection, as ASGI has it."""
        if scope["type"] != "http":
            await self._around(scope, receive, send)
        elif (status := _too_large(scope)) is not None:
            await self._refuse(scope, status, send)
        elif scope["path"].startswith("/api/") and scope["path"] != "/api/":
            await self._fast(scope, receive, send)
        elif scope["path"] == _ALIVE:
            await self._around(scope, receive, self._with_headers(send))
        else:
            async with self._turns:
                await self._around(scope, receive, self._with_headers(send))

    def _with_headers(self, send: Any) -> Any:
        async def sending(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message["headers"], *self._headers]}
            await send(message)

        return sending

    async def _refuse(self, scope: dict[str, Any], status: HTTPStatus, send: Any) -> None:
        body = body_of(status, _LIMITS[status], scope["path"][:100])
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *self._headers,
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


_LIMITS = {
    HTTPStatus.REQUEST_URI_TOO_LONG: f"A path with its query has at most {MAX_TARGET} bytes",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: f"Headers have at most {MAX_HEADERS} bytes",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Requests have no body",
}


def _too_large(scope: dict[str, Any]) -> HTTPStatus | None:
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET:
        return HTTPStatus.REQUEST_URI_TOO_LONG
    size = 0
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        if name == b"content-length" and (not value.isdigit() or int(value) > MAX_BODY):
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if size > MAX_HEADERS else None


def with_cors(app: Asgi, settings: Settings) -> Asgi:
    """Let pages of these origins read answers, where any are set."""
    if not settings.api_cors_origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=settings.api_cors_origins.split(),
        allow_methods=["GET", "HEAD"],
        allow_headers=["Authorization", "X-API-Key", "If-None-Match", "X-Request-Id"],
        expose_headers=[
            *("ETag", "Link", "Next-Cursor", "Total-Count", "Truncated", "Masked-Columns"),
            *("RateLimit", "Retry-After"),
        ],
    )
