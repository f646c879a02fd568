"""Questions to answers: which engine, which cache, and one run of what many ask at once."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa
from cachetools import LRUCache

from api import queries
from api.access import Rights
from api.admission import Lane
from api.cursors import Cursors
from api.engine import ThriftEngine
from api.errors import CancelledError
from api.formats import COMPRESS_FROM, Format, compressed, compressing
from api.interrupts import Interrupts
from api.metrics import ANSWERS, ENGINE_SECONDS, QUEUE
from api.query import Query, key_order
from api.snapshots import Snapshot
from api.tier import Loaded, Tier, in_memory
from api.tracing import tracer
from malha.settings import Settings

_COUNT_SCHEMA = pa.schema([pa.field("count", pa.int64())])


@dataclass(frozen=True)
class Ask:
    """A question, complete: what, of which state, for whom, and in which form."""

    query: Query
    digest: str
    """Of the request's text and the product; equal ones have equal queries."""
    snapshot: Snapshot
    rights: Rights
    format: Format
    encoding: str | None
    count: bool = False
    request_id: str = ""
    """Goes to Spark as a comment; equal questions of others share the answer nevertheless."""

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal where answers are."""
        return (
            self.digest,
            self.snapshot.id,
            self.rights.fingerprint,
            self.format.name,
            self.encoding,
        )

    @property
    def etag(self) -> str:
        """A strong validator: snapshot, query, format, encoding and the caller's rights."""
        return f'"{hashlib.sha256(repr(self.key).encode()).hexdigest()[:32]}"'


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    body: bytes
    rows: int
    source: str
    """What made it: `tier` or `thrift`."""
    etag: str | None = None
    cursor: str | None = None
    """Where the next page begins, if there is one."""
    count: int | None = None
    encoding: str | None = None


@dataclass
class _Flight:
    """A question that is being answered, and how many wait for that."""

    task: asyncio.Task[Answer]
    interrupts: Interrupts
    waiting: int = 0


class Answers:
    """Answers questions about products."""

    def __init__(
        self, settings: Settings, engine: ThriftEngine, tier: Tier, cursors: Cursors
    ) -> None:
        self._engine = engine
        self._tier = tier
        self._cursors = cursors
        size = settings.api_cache_mb * 1_000_000
        self._cache: LRUCache[tuple[Any, ...], Answer] = LRUCache(
            max(1, size), getsizeof=lambda answer: len(answer.body) + 500
        )
        self._cacheable = size // 20
        """Bytes of the largest answer that is kept."""
        self._flights: dict[tuple[Any, ...], _Flight] = {}
        self.lanes = {
            "tier": Lane("tier", 2, settings.api_queue),
            "thrift": Lane("thrift", settings.api_pool_size, settings.api_queue),
            "export": Lane("export", settings.api_exports, settings.api_exports),
        }

        for lane in self.lanes.values():
            QUEUE.labels(lane.name).set_function(partial(getattr, lane, "count"))

    def close(self) -> None:
        """Let nothing more begin."""
        for lane in self.lanes.values():
            lane.close()

    def remembered(self, key: tuple[Any, ...]) -> Answer | None:
        """The answer to a question of this key, where it is in the cache."""
        return self._cache.get(key)

    async def answer(self, ask: Ask, gone: Callable[[], Awaitable[None]]) -> Answer:
        """The answer: remembered, of a run that is under way, or of a new one.

        Args:
            gone: returns once the client has hung up.

        Raises:
            ApiError: there is none; its class says why.
            UnreachableError: the Thrift Server does not answer.
        """
        flight = self._flights.get(ask.key)
        if flight is None:
            interrupts = Interrupts()
            flight = _Flight(asyncio.ensure_future(self._make(ask, interrupts)), interrupts)
            self._flights[ask.key] = flight
            flight.task.add_done_callback(partial(self._end, ask.key, flight))
        flight.waiting += 1
        watcher = asyncio.ensure_future(gone())
        try:
            await asyncio.wait({flight.task, watcher}, return_when=asyncio.FIRST_COMPLETED)
            if not flight.task.done():
                raise CancelledError("The client hung up")
            return flight.task.result()
        finally:
            watcher.cancel()
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                # Whoever asks the same from now on must not get the end of what is being stopped.
                self._leave(ask.key, flight)
                flight.interrupts.ask()

    def _leave(self, key: tuple[Any, ...], flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _end(self, key: tuple[Any, ...], flight: _Flight, _: Any) -> None:
        self._leave(key, flight)
        if not flight.task.cancelled():
            flight.task.exception()  # may have nobody to be told to

    async def _make(self, ask: Ask, interrupts: Interrupts) -> Answer:
        loaded = self._tier.find(ask.query.product, ask.snapshot.id)
        lane = self.lanes["tier" if loaded else "thrift"]
        lane.enter()
        try:
            answer = await lane.run(lambda: self._compute(ask, loaded, interrupts))
        finally:
            lane.leave()
        ANSWERS.labels(ask.query.product.name, answer.source).inc()
        # What a view shows may change without a new snapshot.
        if ask.snapshot.id is not None and len(answer.body) <= self._cacheable:
            self._cache[ask.key] = answer
        return answer

    def _compute(self, ask: Ask, loaded: Loaded | None, interrupts: Interrupts) -> Answer:
        query, hidden = ask.query, []
        if query.pages and query.limit is not None:
            shown = {column.name for column in query.select}
            hidden = [
                column
                for column in query.product.columns
                if column.name not in shown and column.name in {one.name for one in query.sort}
            ]
            # One more row than asked for says whether there is another page.
            query = replace(query, select=(*query.select, *hidden), limit=query.limit + 1)
        engine = "tier" if loaded else "thrift"
        started = time.monotonic()
        with tracer.start_as_current_span(engine):
            with closing(self._batches(query, ask, loaded, interrupts)) as batches:
                table = pa.Table.from_batches(batches, queries.answer_schema(query))
            count = self._count(ask, loaded, interrupts) if ask.count else None
        ENGINE_SECONDS.labels(engine).observe(time.monotonic() - started)
        cursor = None
        if query is not ask.query and ask.query.limit is not None:
            if table.num_rows > ask.query.limit:
                table = table.slice(0, ask.query.limit)
                cursor = self._cursor(ask, table)
            table = table.select([column.name for column in ask.query.select])
        body = b"".join(ask.format.encode(table.schema, table.combine_chunks().to_batches()))
        encoding = None
        if ask.encoding and ask.format.compressible and len(body) >= COMPRESS_FROM:
            body, encoding = compressed(body, ask.encoding), ask.encoding
        return Answer(
            body=body,
            rows=table.num_rows,
            source=engine,
            etag=ask.etag if ask.snapshot.id is not None else None,
            cursor=cursor,
            count=count,
            encoding=encoding,
        )

    def _cursor(self, ask: Ask, table: pa.Table) -> str:
        last = table.slice(table.num_rows - 1)
        values = tuple(last.column(order.name)[0].as_py() for order in ask.query.sort)
        return self._cursors.make(ask.query, ask.rights.fingerprint, ask.snapshot.id, values)

    def _count(self, ask: Ask, loaded: Loaded | None, interrupts: Interrupts) -> int:
        tree = queries.count_of(ask.query, self._table(ask, loaded), ask.rights)
        with closing(self._run(tree, _COUNT_SCHEMA, ask, loaded, interrupts)) as batches:
            return int(next(batches).column(0)[0].as_py())

    def _batches(
        self, query: Query, ask: Ask, loaded: Loaded | None, interrupts: Interrupts
    ) -> Generator[pa.RecordBatch]:
        if loaded and query.limit is None and query.sort == key_order(query.product):
            # They lie in this order, and so need not be gathered before the first can be sent.
            query = replace(query, sort=())
        indexed = loaded is not None and query.looks_up
        table = self._table(ask, loaded)
        tree = queries.rows_of(query, table, ask.rights, found_first=indexed)
        return self._run(tree, queries.answer_schema(query), ask, loaded, interrupts)

    def _run(
        self,
        tree: Any,
        schema: pa.Schema,
        ask: Ask,
        loaded: Loaded | None,
        interrupts: Interrupts,
    ) -> Generator[pa.RecordBatch]:
        if loaded:
            whole = ask.query.limit is None
            return self._tier.stream(queries.for_duckdb(tree), schema, interrupts, whole=whole)
        sql = queries.for_spark(tree)
        if ask.request_id:
            sql = f"/* request {ask.request_id} */ {sql}"
        return self._engine.stream(sql, schema, interrupts.check)

    @staticmethod
    def _table(ask: Ask, loaded: Loaded | None) -> Any:
        return in_memory(loaded) if loaded else queries.stored(ask.query.product, ask.snapshot.id)

    def export(self, ask: Ask) -> "Export":
        """All rows of a question, as a stream.

        Raises:
            BusyError: as many exports run as may.
        """
        lane = self.lanes["export"]
        lane.enter()
        loaded = self._tier.find(ask.query.product, ask.snapshot.id)
        interrupts = Interrupts()
        batches = self._batches(ask.query, ask, loaded, interrupts)
        ANSWERS.labels(ask.query.product.name, "tier" if loaded else "thrift").inc()
        return Export(ask, batches, lane, interrupts)


class Export:
    """An answer that is made while it is sent; `close` it whatever happens."""

    def __init__(
        self,
        ask: Ask,
        batches: Generator[pa.RecordBatch],
        lane: Lane,
        interrupts: Interrupts,
    ) -> None:
        self.rows = 0
        self.encoding = ask.encoding if ask.format.compressible else None
        self._batches = batches
        self._lane = lane
        self._interrupts = interrupts
        parts: Iterator[bytes] = ask.format.encode(
            queries.answer_schema(ask.query), self._counted()
        )
        self._pending: asyncio.Future[bytes | None] | None = None
        self._parts = compressing(parts, self.encoding) if self.encoding else parts

    async def next(self) -> bytes | None:
        """The next part; None at the end.

        Raises:
            ApiError: the query failed; a client that has parts already gets no end of the stream.
        """
        self._pending = asyncio.ensure_future(self._lane.run(lambda: next(self._parts, None)))
        return await asyncio.shield(self._pending)

    def stop(self) -> None:
        """Have `next` come to an end soon; nobody wants the rest."""
        self._interrupts.ask()

    async def close(self) -> None:
        """Stop the query, where it still runs, and let the next export begin."""
        self._interrupts.ask()
        try:
            if self._pending:
                await asyncio.wait({self._pending})
            await self._lane.run(self._batches.close)
        finally:
            self._lane.leave()

    def _counted(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self._interrupts.check()
            self.rows += batch.num_rows
            yield batch
