"""Requests of products: a plain ASGI application, since most answers take microseconds."""

import asyncio
import datetime as dt
import hashlib
import logging
import random
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from cachetools import LRUCache

from api import audit, parameters
from api.access import Caller, Guard, Rights, check_read, rights_of
from api.answers import Answer, Answers, Ask
from api.cursors import Cursors
from api.errors import (
    ApiError,
    BusyError,
    CancelledError,
    MethodError,
    NotAcceptableError,
    NotBuiltError,
    NotFoundError,
    NotServedError,
)
from api.formats import FORMATS, Format, accepted, accepted_encoding
from api.logs import request_id
from api.metrics import ANSWERS, REQUESTS, SECONDS
from api.overload import Overload
from api.parameters import Request
from api.problems import problem_of
from api.query import Query
from api.ratelimit import network_of
from api.registry import Registry, Served
from api.snapshots import Snapshot, Snapshots
from malha.errors import MalhaError

log = logging.getLogger("malha.api")

Headers = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_VARY = (b"vary", b"Accept, Accept-Encoding, Authorization, X-API-Key")


_KNOWN_BYTES = 1_000_000
"""Of the texts of requests that are remembered; what they were read to takes some times that."""


@dataclass(frozen=True)
class _Parsed:
    """What a request's text says."""

    request: Request
    digest: str
    """Of what it asks: equal questions have equal ones."""
    size: int
    """Of the text, in bytes."""


class Exchange:
    """One request, and what becomes of it."""

    def __init__(
        self,
        scope: dict[str, Any],
        receive: Receive,
        send: Send,
        headers: Headers,
    ) -> None:
        self.started = time.perf_counter()
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.raw_path: str = scope["raw_path"].decode("latin-1")
        self.query = scope["query_string"]
        self.client: str = (scope.get("client") or ("", 0))[0]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        given = self.header(b"x-request-id")
        self.id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        self.receive = receive
        self._send = send
        self.status = 0
        self.extra: Headers = [*headers, (b"x-request-id", self.id.encode())]
        """What every answer to this request has."""
        self.served: Served | None = None
        self.caller: Caller | None = None
        self.snapshot: int | None = None
        self.columns: tuple[str, ...] = ()
        self.rows = 0

    def header(self, name: bytes) -> str:
        """A header of the request; empty where there is none."""
        return self.headers.get(name, b"").decode("latin-1")

    def optional(self, name: bytes) -> str | None:
        """A header of the request, where there is one."""
        return self.header(name) if name in self.headers else None

    async def begin(self, status: int, headers: Headers) -> None:
        """Send the status and the headers."""
        self.status = status
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*headers, *self.extra],
            }
        )

    async def body(self, body: bytes, *, more: bool = False) -> None:
        """Send (a part of) the body; a HEAD request has none."""
        content = b"" if self.method == "HEAD" else body
        await self._send({"type": "http.response.body", "body": content, "more_body": more})

    async def gone(self) -> None:
        """Return once the client has hung up."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


class Products:
    """Answers requests below `/api/`."""

    def __init__(
        self,
        registry: Registry,
        guard: Guard,
        snapshots: Snapshots,
        answers: Answers,
        cursors: Cursors,
        overload: Overload,
        headers: Headers,
    ) -> None:
        self._registry = registry
        self._guard = guard
        self._snapshots = snapshots
        self._answers = answers
        self._cursors = cursors
        self._overload = overload
        self._headers = headers
        """What every answer has."""
        self._known: LRUCache[tuple[Served, bytes, str | None], _Parsed] = LRUCache(
            _KNOWN_BYTES, getsizeof=lambda one: one.size
        )

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, self._headers)
        request_id.set(exchange.id)
        try:
            if self._overload.refuses():
                raise BusyError("There are too many requests at the moment: ask again in a second")
            await self._handle(exchange)
        except CancelledError:
            exchange.status = exchange.status or 499
        except MalhaError as error:
            await self._refuse(exchange, error)
        except Exception:
            log.exception("request %s failed", exchange.id)
            if exchange.status:
                raise
            await self._refuse(exchange, ApiError("The server's log says why"))
        finally:
            self._note(exchange)

    async def _handle(self, exchange: Exchange) -> None:
        found = self._registry.catalogue.find(exchange.raw_path)
        served, key = found or (None, None)
        exchange.served = served
        # Counted before anything is refused, so that nobody asks without a limit.
        exchange.caller = caller = await self._caller(exchange)
        if quota := self._guard.limiter.hit(caller, exchange.client):
            exchange.extra += [
                (name.lower().encode(), value.encode()) for name, value in quota.headers().items()
            ]
        if served is None:
            raise self._nothing_at(exchange.path)
        exchange.extra += _deprecation(served)
        if exchange.method not in ("GET", "HEAD"):
            exchange.extra.append((b"allow", b"GET, HEAD"))
            raise MethodError("Products are read: use GET")
        check_read(caller, served.product)
        rights = rights_of(caller, served.product)
        parsed = self._parsed(served, exchange.query, key)
        request = parsed.request
        format = _format(request, exchange.header(b"accept"))
        encoding = accepted_encoding(exchange.header(b"accept-encoding"))
        snapshot, query = await self._pinned(served, request, rights)
        exchange.snapshot = snapshot.id
        exchange.columns = query.columns
        ask = Ask(
            query, parsed.digest, snapshot, rights, format, encoding, request.count, exchange.id
        )
        if _unchanged(exchange, ask):
            ANSWERS.labels(served.product.name, "not_modified").inc()
            await exchange.begin(HTTPStatus.NOT_MODIFIED, _validators(ask, ask.etag))
            await exchange.body(b"")
        elif request.query.limit is None:
            await self._export(exchange, ask)
        else:
            await self._answer(exchange, ask)

    def _nothing_at(self, path: str) -> ApiError:
        """Why no product is served at a path."""
        if refused := self._registry.catalogue.refusal(path):
            return NotServedError(
                f"{refused.name} is not served, as its declaration cannot be used; /health/ready "
                "says why"
            )
        return NotFoundError(f"There is nothing at {path}; /api lists the products")

    def _parsed(self, served: Served, text: bytes, key: str | None) -> _Parsed:
        """The request of a query string; read once, then remembered."""
        known = self._known.get((served, text, key))
        if known is None:
            request = parameters.read(served.product, text.decode("latin-1"), key)
            query = request.query
            asked = repr((query.identity, query.limit, request.count, request.cursor))
            digest = hashlib.sha256(asked.encode()).hexdigest()
            known = _Parsed(request, digest, len(text) + len(key or "") + 100)
            self._known[served, text, key] = known
        return known

    async def _caller(self, exchange: Exchange) -> Caller:
        given = exchange.optional(b"authorization"), exchange.optional(b"x-api-key")
        caller = self._guard.recall(*given)
        if caller is None:
            caller = await asyncio.to_thread(self._guard.authenticate, *given, exchange.client)
        return caller

    async def _pinned(
        self, served: Served, request: Request, rights: Rights
    ) -> tuple[Snapshot, Query]:
        """The snapshot that is asked about: the cursor's, or the current one."""
        product = served.product
        if request.cursor is not None:
            number, after = self._cursors.read(request.cursor, request.query, rights.fingerprint)
            return Snapshot(number, None, None, None), replace(request.query, after=after)
        current = self._snapshots.fresh(product)
        if current is None:
            current = await asyncio.to_thread(self._snapshots.current, product)
        if current is None:
            raise NotBuiltError("The product has not been built yet: run `dbt build`")
        return current, request.query

    async def _answer(self, exchange: Exchange, ask: Ask) -> None:
        answer = self._answers.remembered(ask.key)
        if answer is not None:
            ANSWERS.labels(ask.query.product.name, "cache").inc()
        else:
            answer = await self._answers.answer(ask, exchange.gone, _who(exchange))
        headers = [*_validators(ask, answer.etag), *_links(exchange, answer)]
        exchange.rows = answer.rows if exchange.method != "HEAD" else 0
        headers.append((b"content-type", ask.format.media_type.encode()))
        headers.append((b"content-length", str(len(answer.body)).encode()))
        if answer.encoding:
            headers.append((b"content-encoding", answer.encoding.encode()))
        await exchange.begin(HTTPStatus.OK, headers)
        await exchange.body(answer.body)

    async def _export(self, exchange: Exchange, ask: Ask) -> None:
        headers = _validators(ask, ask.etag if ask.snapshot.id is not None else None)
        headers.append((b"content-type", ask.format.media_type.encode()))
        if exchange.method == "HEAD":
            await exchange.begin(HTTPStatus.OK, headers)
            await exchange.body(b"")
            return
        export = self._answers.export(ask, _who(exchange))
        watcher = asyncio.ensure_future(exchange.gone())
        watcher.add_done_callback(lambda _: export.stop())
        try:
            # The first part is made before the status is sent, so that a failure is told by it.
            part = await export.next()
            if export.encoding:
                headers.append((b"content-encoding", export.encoding.encode()))
            await exchange.begin(HTTPStatus.OK, headers)
            while part is not None and not watcher.done():
                await exchange.body(part, more=True)
                part = await export.next()
            if watcher.done():
                raise CancelledError("The client hung up")
            await exchange.body(b"")
        finally:
            watcher.cancel()
            exchange.rows = export.rows
            await export.close()

    async def _refuse(self, exchange: Exchange, error: MalhaError) -> None:
        if exchange.status:
            # Part of an answer is sent: only a broken connection says that it is not whole.
            log.error("request %s broke off: %s", exchange.id, error)
            raise error
        if isinstance(error, ApiError) and error.pause:
            # Those who were refused together do not come back together.
            await asyncio.sleep(error.pause * random.uniform(0.5, 1.5))  # noqa: S311
        status, body, headers = problem_of(error, exchange.path)
        headers = [*headers, (b"cache-control", b"no-store")]
        await exchange.begin(status, headers)
        await exchange.body(body)

    def _note(self, exchange: Exchange) -> None:
        seconds = time.perf_counter() - exchange.started
        name = exchange.served.product.name if exchange.served else ""
        REQUESTS.labels(name, str(exchange.status)).inc()
        if name:
            SECONDS.labels(name).observe(seconds)
        audit.record(
            audit.access(
                exchange.caller,
                request_id=exchange.id,
                method=exchange.method,
                product=name,
                status=exchange.status,
                ms=seconds * 1000,
                address=exchange.client,
                columns=exchange.columns,
                rows=exchange.rows,
                snapshot=exchange.snapshot,
            )
        )


def _format(request: Request, accept: str) -> Format:
    if request.format is not None:
        return FORMATS[request.format]
    found = accepted(accept)
    if found is None:
        known = ", ".join(one.media_type for one in FORMATS.values())
        raise NotAcceptableError(f"There is no such form; there are {known}")
    return found


def _who(exchange: Exchange) -> tuple[str, str]:
    """Whose turn a request counts as: a key's, a token's subject's, or a network's."""
    assert exchange.caller is not None  # noqa: S101
    caller = exchange.caller
    return caller.kind, caller.id or network_of(exchange.client)


def _unchanged(exchange: Exchange, ask: Ask) -> bool:
    """Whether the client has this answer already."""
    given = exchange.header(b"if-none-match")
    if not given or ask.snapshot.id is None:
        return False
    return given == "*" or ask.etag in {one.strip().removeprefix("W/") for one in given.split(",")}


def _validators(ask: Ask, etag: str | None) -> Headers:
    headers = [_VARY, (b"cache-control", b"private, no-cache")]
    if ask.rights.masks:
        masked = ", ".join(quote(mask.column) for mask in ask.rights.masks)
        headers.append((b"masked-columns", masked.encode()))
    if etag:
        headers.append((b"etag", etag.encode()))
    if ask.snapshot.committed_ms is not None:
        moment = dt.datetime.fromtimestamp(ask.snapshot.committed_ms / 1000, dt.UTC)
        headers.append((b"last-modified", format_datetime(moment, usegmt=True).encode()))
    return headers


def _links(exchange: Exchange, answer: Answer) -> Headers:
    headers: Headers = []
    if answer.cursor:
        pairs = parse_qsl(exchange.query.decode("latin-1"), keep_blank_values=True)
        rest = [(name, value) for name, value in pairs if name != "cursor"]
        # What is decoded in the path may not stand in a header as it is.
        url = f"{quote(exchange.path)}?{urlencode([*rest, ('cursor', answer.cursor)])}"
        headers.append((b"link", f'<{url}>; rel="next"'.encode()))
        headers.append((b"next-cursor", answer.cursor.encode()))
    if answer.truncated:
        headers.append((b"truncated", b"true"))
    if answer.count is not None:
        headers.append((b"total-count", str(answer.count).encode()))
    return headers


def _deprecation(served: Served) -> Headers:
    """RFC 9745 and RFC 8594: since when a version is deprecated, and what takes its place."""
    moment = served.product.deprecation_date
    if moment is None:
        return []
    headers = [
        (b"deprecation", f"@{int(moment.timestamp())}".encode()),
        (b"sunset", format_datetime(moment.astimezone(dt.UTC), usegmt=True).encode()),
    ]
    if served.successor:
        headers.append((b"link", f'<{served.successor}>; rel="successor-version"'.encode()))
    return headers
