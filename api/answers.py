"""Questions to answers: which engine, which cache, and one run of what many ask at once."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Hashable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from inspect import GEN_RUNNING, getgeneratorstate
from typing import Any

import pyarrow as pa
from cachetools import LRUCache
from sqlglot import exp

from api import queries
from api.access import EVERYTHING, Rights
from api.admission import Lane
from api.cursors import Cursors
from api.engine import ThriftEngine, query_sessions
from api.errors import CancelledError, TooManyRequestsError
from api.formats import COMPRESS_FROM, Format, compressed, compressing
from api.interrupts import Interrupts
from api.metrics import ABANDONED, ANSWERS, ENGINE_SECONDS, QUEUE
from api.query import Query, key_order
from api.snapshots import Snapshot
from api.tier import FOUND, Loaded, Tier, in_memory
from api.tracing import tracer
from malha.settings import Settings

_AT_ONCE_ROWS = 100
"""Up to so many rows of a lookup are quicker to answer than to hand to another thread."""

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

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """Equal where answers are."""
        return (
            self.digest,
            self.snapshot.id,
            self.rights.fingerprint,
            self.format.name,
            self.encoding,
        )

    @cached_property
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
    truncated: bool = False
    """Whether there are more rows, and no page that has them."""
    count: int | None = None
    encoding: str | None = None


@dataclass(frozen=True)
class _Place:
    """Where a question's rows are read."""

    engine: str
    """`tier` or `thrift`."""
    table: exp.Expr
    loaded: Loaded | None = None
    """In memory, the copy that the table is of: it stays as long as this does."""
    found: pa.Table | None = None
    """In memory, where the question is about one lookup value: what the table has."""


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
        sessions, seconds = query_sessions(settings), settings.api_query_timeout
        self.lanes = {
            # However slow one caller's queries are, there is a place for another's.
            "tier": Lane("tier", 3, settings.api_tier_queue, seconds, each=2),
            "thrift": Lane("thrift", sessions, settings.api_queue, seconds),
            "export": Lane("export", settings.api_exports, 0, seconds),
        }
        self._exporters: Counter[Hashable] = Counter()
        self._exports_each = -(-settings.api_exports // 2)
        for lane in self.lanes.values():
            QUEUE.labels(lane.name).set_function(partial(getattr, lane, "count"))
            ABANDONED.labels(lane.name).set_function(partial(getattr, lane, "abandoned"))

    def close(self) -> None:
        """Let nothing more begin."""
        for lane in self.lanes.values():
            lane.close()

    def remembered(self, key: tuple[Any, ...]) -> Answer | None:
        """The answer to a question of this key, where it is in the cache."""
        return self._cache.get(key)

    async def answer(
        self, ask: Ask, gone: Callable[[], Awaitable[None]], caller: Hashable = None
    ) -> Answer:
        """The answer: remembered, of a run that is under way, or of a new one.

        Args:
            gone: returns once the client has hung up.
            caller: who asks; callers take turns.

        Raises:
            ApiError: there is none; its class says why.
            UnreachableError: the Thrift Server does not answer.
        """
        flight = self._flights.get(ask.key)
        if flight is None:
            place = self._place(ask)
            answer = self._at_once(ask, place)
            if answer is not None:
                return self._keep(ask, answer)
            lane, interrupts = self.lanes[place.engine], Interrupts()
            lane.enter(caller)
            task = asyncio.ensure_future(self._make(ask, place, lane, interrupts, caller))
            self._flights[ask.key] = flight = _Flight(task, interrupts)
            task.add_done_callback(partial(self._end, ask.key, flight, lane))
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

    def _end(self, key: tuple[Any, ...], flight: _Flight, lane: Lane, _: Any) -> None:
        lane.leave()
        self._leave(key, flight)
        if not flight.task.cancelled():
            flight.task.exception()  # may have nobody to be told to

    async def _make(
        self, ask: Ask, place: _Place, lane: Lane, interrupts: Interrupts, caller: Hashable
    ) -> Answer:
        answer = await lane.run(lambda: self._compute(ask, place, interrupts), interrupts, caller)
        return self._keep(ask, answer)

    def _place(self, ask: Ask) -> _Place:
        query = ask.query
        loaded = self._tier.find(query.product, ask.snapshot.id)
        if loaded is None:
            return _Place("thrift", queries.stored(query.product, ask.snapshot.id))
        if query.lookup and query.lookup.column.name not in ask.rights.masked:
            found = loaded.rows_with(query.lookup)
            if found is not None:
                return _Place("tier", in_memory(FOUND), loaded, found)
        return _Place("tier", in_memory(loaded.table), loaded)

    def _at_once(self, ask: Ask, place: _Place) -> Answer | None:
        """The answer to a lookup whose rows need only be cut to the page; None to all else."""
        if place.found is None or place.found.num_rows > _AT_ONCE_ROWS:
            return None
        if not ask.query.only_looks_up or ask.count or ask.rights != EVERYTHING:
            return None
        started = time.monotonic()
        query = _with_next(ask.query)
        table = place.found.slice(0, query.limit).select([one.name for one in query.select])
        answer = self._formed(ask, table, place.engine)
        ENGINE_SECONDS.labels(place.engine).observe(time.monotonic() - started)
        return answer

    def _compute(self, ask: Ask, place: _Place, interrupts: Interrupts) -> Answer:
        started = time.monotonic()
        query = _with_next(ask.query)
        with tracer.start_as_current_span(place.engine):
            with closing(self._batches(query, ask, place, interrupts)) as batches:
                table = pa.Table.from_batches(batches, queries.answer_schema(query))
            count = self._count(ask, place, interrupts) if ask.count else None
        ENGINE_SECONDS.labels(place.engine).observe(time.monotonic() - started)
        return self._formed(ask, table, place.engine, count)

    def _formed(self, ask: Ask, table: pa.Table, engine: str, count: int | None = None) -> Answer:
        """The answer of a table, which may have a row and columns for the next page's sake."""
        cursor, limit, pages = None, ask.query.limit, ask.query.pages
        more = limit is not None and table.num_rows > limit
        if more:
            table = table.slice(0, limit)
            cursor = self._cursor(ask, table) if pages else None
        table = table.select(queries.answer_schema(ask.query).names)
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
            truncated=more and not pages,
            count=count,
            encoding=encoding,
        )

    def _keep(self, ask: Ask, answer: Answer) -> Answer:
        ANSWERS.labels(ask.query.product.name, answer.source).inc()
        # What a view shows may change without a new snapshot.
        small = 0 < self._cacheable >= len(answer.body)
        if ask.snapshot.id is not None and small:
            self._cache[ask.key] = answer
        return answer

    def _cursor(self, ask: Ask, table: pa.Table) -> str:
        last = table.slice(table.num_rows - 1)
        values = tuple(last.column(order.name)[0].as_py() for order in ask.query.sort)
        return self._cursors.make(ask.query, ask.rights.fingerprint, ask.snapshot.id, values)

    def _count(self, ask: Ask, place: _Place, interrupts: Interrupts) -> int:
        tree = queries.count_of(ask.query, place.table, ask.rights)
        with closing(self._run(tree, _COUNT_SCHEMA, ask, place, interrupts)) as batches:
            return int(next(batches).column(0)[0].as_py())

    def _batches(
        self, query: Query, ask: Ask, place: _Place, interrupts: Interrupts
    ) -> Generator[pa.RecordBatch]:
        if (
            place.engine == "tier"
            and query.limit is None
            and query.sort == key_order(query.product)
        ):
            # They lie in this order, and so need not be gathered before the first can be sent.
            query = replace(query, sort=())
        tree = queries.rows_of(query, place.table, ask.rights)
        return self._run(tree, queries.answer_schema(query), ask, place, interrupts)

    def _run(
        self,
        tree: exp.Query,
        schema: pa.Schema,
        ask: Ask,
        place: _Place,
        interrupts: Interrupts,
    ) -> Generator[pa.RecordBatch]:
        whole = ask.query.limit is None
        if place.engine == "tier":
            sql = queries.for_duckdb(tree)
            return self._tier.stream(sql, schema, interrupts, whole=whole, found=place.found)
        sql = queries.for_spark(tree)
        if ask.request_id:
            sql = f"/* request {ask.request_id} */ {sql}"
        return self._engine.stream(sql, schema, interrupts, whole=whole)

    def export(self, ask: Ask, caller: Hashable = None) -> "Export":
        """All rows of a question, as a stream.

        Args:
            caller: who asks; nobody has more than half of the places.

        Raises:
            BusyError: as many exports run as may.
            TooManyRequestsError: the caller has as many as one may have.
        """
        if self._exporters[caller] >= self._exports_each:
            raise TooManyRequestsError(
                f"You have {self._exporters[caller]} whole products under way: wait until one has "
                "ended",
                retry_after=5,
            )
        lane = self.lanes["export"]
        lane.enter()
        self._exporters[caller] += 1
        place, interrupts = self._place(ask), Interrupts()
        batches = self._batches(ask.query, ask, place, interrupts)
        ANSWERS.labels(ask.query.product.name, place.engine).inc()
        leave = partial(self._leave_export, caller)
        return Export(ask, place, batches, lane, interrupts, leave)

    def _leave_export(self, caller: Hashable) -> None:
        self.lanes["export"].leave()
        self._exporters[caller] -= 1
        if not self._exporters[caller]:
            del self._exporters[caller]


def _with_next(query: Query) -> Query:
    """The query with what it takes to go on where its page ends."""
    if query.limit is None:
        return query
    if not query.pages:
        return replace(query, limit=query.limit + 1)
    shown, sorted_by = {one.name for one in query.select}, {one.name for one in query.sort}
    hidden = [
        column
        for column in query.product.columns
        if column.name in sorted_by and column.name not in shown
    ]
    # One more row than asked for says whether there is another page.
    return replace(query, select=(*query.select, *hidden), limit=query.limit + 1)


class Export:
    """An answer that is made while it is sent; `close` it whatever happens."""

    def __init__(
        self,
        ask: Ask,
        place: _Place,
        batches: Generator[pa.RecordBatch],
        lane: Lane,
        interrupts: Interrupts,
        leave: Callable[[], None],
    ) -> None:
        self.rows = 0
        self.encoding = ask.encoding if ask.format.compressible else None
        self._place: _Place | None = place
        """The copy that is read, which stays as long as this does."""
        self._batches = batches
        self._lane = lane
        self._interrupts = interrupts
        self._leave = leave
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
        work = self._lane.run(lambda: next(self._parts, None), self._interrupts)
        self._pending = asyncio.ensure_future(work)
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
            await self._lane.finish(self._end)
        finally:
            self._place = None
            self._leave()

    def _end(self) -> None:
        # A part that was given up still runs, and ends the query by itself.
        if getgeneratorstate(self._batches) != GEN_RUNNING:
            self._batches.close()

    def _counted(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self._interrupts.check()
            self.rows += batch.num_rows
            yield batch
