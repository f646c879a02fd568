"""A server that does nothing, to find out how fast the load client itself is.

`GET /` answers 800 bytes, `GET /large` 64 MiB.
"""

from collections.abc import Awaitable, Callable
from typing import Any

_SMALL = b"x" * 800
_PIECE = b"x" * (1 << 18)
_PIECES = 256

_Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: dict[str, Any], _: object, send: _Send) -> None:
    """An ASGI app, which is to be run without lifespan."""
    body, pieces = (_PIECE, _PIECES) if scope["path"] == "/large" else (_SMALL, 1)
    length = str(len(body) * pieces).encode()
    headers = [(b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _number in range(pieces):
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body"})
