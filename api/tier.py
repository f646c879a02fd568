"""Small products in memory: one immutable DuckDB table a snapshot, loaded through Spark."""

import logging
import weakref
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from weakref import WeakSet

import duckdb
import pyarrow as pa
from sqlglot import exp

from api import queries
from api.engine import ThriftEngine
from api.errors import BusyError, CancelledError, OutageError, QueryError
from api.interrupts import Interrupts
from api.lookup import Lookup, lookup_of
from api.metrics import TIER_BYTES, TIER_PRODUCTS
from api.query import Filter
from api.snapshots import Snapshot
from api.workers import Worker
from malha.errors import MalhaError, UnreachableError
from malha.manifest import Product
from malha.settings import Settings

log = logging.getLogger("malha.api")

_KEPT = 2
"""Snapshots of a product that stay, so that pages that were begun can be read to their end."""

_RETRY_SECONDS = 5
"""After a copy that failed, as when Spark is away."""

_IDLE_SECONDS = 1.0
"""For so long work is waited for, before what failed before counts no more."""

_PASSING = (UnreachableError, OutageError, BusyError)

_BATCH_ROWS = 10_000

FOUND = "found"
"""What the rows of one lookup value are called in the query that is about them."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A product's rows at a snapshot. They are in memory for as long as anybody has this object."""

    product: Product
    snapshot: int
    table: str
    rows: int
    bytes: int
    lookup: Lookup | None
    """None where the product has no lookup column, or memory no room."""

    def rows_with(self, condition: Filter | None) -> pa.Table | None:
        """The rows with a value of the lookup column, in the key's order; None if not at hand."""
        return self.lookup.find(condition.value) if self.lookup and condition else None


class _TooLargeError(Exception):
    """A product has more rows or bytes than may be kept."""


@dataclass
class _State:
    loaded: list[Loaded] = field(default_factory=list)
    """Newest last."""
    product: Product | None = None
    wanted: Snapshot | None = None


class Tier:
    """Products of few rows, answered without Spark.

    Args:
        engine: what they are loaded through.
    """

    def __init__(self, settings: Settings, engine: ThriftEngine) -> None:
        self._settings = settings
        self._engine = engine
        self._states: dict[str, _State] = {}
        self._queue: SimpleQueue[str | None] = SimpleQueue()
        self.worker = Worker("tier", self._work)
        self._interrupts = Interrupts()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._numbers = 0
        self._alive: WeakSet[Loaded] = WeakSet()
        self._left: SimpleQueue[str] = SimpleQueue()
        """Tables that nobody has any more."""
        TIER_BYTES.set_function(lambda: self.bytes)
        TIER_PRODUCTS.set_function(lambda: sum(bool(one.loaded) for one in self._of_all()))

    @property
    def on(self) -> bool:
        """Whether products are loaded at all."""
        return self._settings.api_tier_rows > 0 and self._settings.api_tier_mb > 0

    def start(self) -> None:
        """Begin to load what `offer` names."""
        if self.on:
            self._connection = duckdb.connect(
                ":memory:",
                config={
                    "memory_limit": f"{2 * self._settings.api_tier_mb}MB",
                    # It joins a small page's rows with the table again: slower from memory.
                    "late_materialization_max_rows": "0",
                    "python_enable_replacements": "false",
                },
            )
            for statement in (
                "set global TimeZone = 'UTC'",
                # Whatever a query might be made to say, it reaches these tables alone.
                "set global enable_external_access = false",
                "set global lock_configuration = true",
            ):
                self._connection.execute(statement)
            self.worker.start()

    def close(self) -> None:
        """Stop loading, and forget everything."""
        self._interrupts.ask()
        self._queue.put(None)
        self.worker.close(timeout=5)
        self._states.clear()

    def offer(self, product: Product, snapshot: Snapshot) -> None:
        """Load this snapshot soon, where the product is small enough."""
        if not self.on or snapshot.id is None:
            return
        state = self._states.setdefault(product.name, _State())
        state.product, state.wanted = product, snapshot
        self._queue.put(product.name)

    def serve(self, products: Iterable[Product]) -> None:
        """Let go of all products but these."""
        served = {product.name for product in products}
        for name in set(self._states) - served:
            # A copy of it that is being made is found by nobody.
            self._states.pop(name, None)

    def find(self, product: Product, snapshot: int | None) -> Loaded | None:
        """The product's rows at a snapshot, where they are in memory."""
        state = self._states.get(product.name)
        for loaded in state.loaded if state and snapshot is not None else ():
            same = loaded.product is product or loaded.product == product
            if same and loaded.snapshot == snapshot:
                return loaded
        return None

    @property
    def holds(self) -> list[Loaded]:
        """What is in memory."""
        return [loaded for state in self._of_all() for loaded in state.loaded]

    @property
    def bytes(self) -> int:
        """What all copies take, those too that only a query still reads."""
        return sum(loaded.bytes for loaded in list(self._alive))

    def _of_all(self) -> list[_State]:
        return list(self._states.values())

    @contextmanager
    def cursor(self) -> Generator[duckdb.DuckDBPyConnection]:
        """A connection for one query in one thread."""
        assert self._connection is not None  # noqa: S101
        with closing(self._connection.cursor()) as cursor:
            yield cursor

    def stream(
        self,
        sql: str,
        schema: pa.Schema,
        interrupts: Interrupts,
        *,
        whole: bool = False,
        found: pa.Table | None = None,
    ) -> Generator[pa.RecordBatch]:
        """Run a query and return its rows in batches.

        Args:
            whole: whether the rows are made as they are taken, rather than all at once.
            found: what the query reads as FOUND.

        Raises:
            ApiError: it was interrupted, for this reason.
            QueryError: DuckDB refused or failed it.
        """
        with (
            self.cursor() as cursor,
            _reporting(interrupts),
            interrupts.stopping(cursor.interrupt),
        ):
            if found is not None:
                # A table, since filters on what is registered are Arrow's, to which no NaN is
                # greater than anything.
                cursor.register("rows", found)
                cursor.execute(f"create temporary table {FOUND} as from rows")
            made = cursor.sql(sql) if whole else cursor.execute(sql)
            for batch in made.to_arrow_reader(_BATCH_ROWS):
                yield pa.RecordBatch.from_arrays(
                    [
                        column.cast(wanted.type)
                        for column, wanted in zip(batch.columns, schema, strict=True)
                    ],
                    schema=schema,
                )

    def _work(self) -> None:
        try:
            name = self._queue.get(timeout=_IDLE_SECONDS)
        except Empty:
            return
        if name:
            self._load(name)
        self._drop_left()

    def _load(self, name: str) -> None:
        """Copy what is wanted of a product by now; of many offers, the last one counts."""
        state = self._states.get(name)
        if state is None or state.product is None or state.wanted is None:
            return
        product, wanted = state.product, state.wanted
        if wanted.id is None or self.find(product, wanted.id):
            return
        if wanted.rows is not None and wanted.rows > self._settings.api_tier_rows:
            state.loaded = []
            return
        # A copy of another declaration, as before a mask was declared, is found by nobody.
        state.loaded = [one for one in state.loaded if one.product == product]
        # Where there is no room beside the copy before, pages of that one are read through Spark.
        for beside in (_KEPT - 1, 0):
            state.loaded = state.loaded[-beside:] if beside else []
            self._drop_left()
            try:
                loaded = self._copy(product, wanted.id)
            except (MalhaError, duckdb.Error, pa.ArrowException) as error:
                log.warning("%s stays out of memory for now: %s", product.name, error)
                if isinstance(error, _PASSING):
                    self.worker.ended.wait(_RETRY_SECONDS)
                    self._queue.put(name)
                return
            if loaded:
                state.loaded = [*state.loaded, loaded]
            if loaded or not state.loaded:
                return

    def _drop_left(self) -> None:
        """Give back the memory of the copies that nobody has any more."""
        while not self._left.empty():
            table = self._left.get()
            try:
                with self.cursor() as cursor:
                    cursor.execute(f'drop table if exists "{table}"')
            except duckdb.Error:
                self._left.put(table)
                raise

    def _copy(self, product: Product, snapshot: int) -> Loaded | None:
        """Copy a product's rows; None where they are more than may be."""
        tree, schema = queries.copy_of(product, snapshot)
        sql = queries.for_spark(tree)
        self._numbers += 1
        name = f"{product.name}_{self._numbers}"
        rows = size = 0
        limit = max(0, self._settings.api_tier_mb * 1_000_000 - self.bytes)
        seen: list[pa.RecordBatch] = []
        stream = self._engine.stream(sql, schema, self._interrupts, whole=True)
        with self.cursor() as cursor, closing(stream) as got:
            cursor.register("batch", schema.empty_table())
            cursor.execute(f'create table "{name}" as from batch')
            try:
                for batch in got:
                    rows, size = rows + batch.num_rows, size + batch.nbytes
                    if rows > self._settings.api_tier_rows or size > limit:
                        raise _TooLargeError
                    cursor.register("batch", batch)
                    cursor.execute(f'insert into "{name}" from batch')
                    if product.lookup and 2 * size <= limit:
                        seen.append(batch)
            except BaseException as error:
                cursor.execute(f'drop table "{name}"')
                if isinstance(error, _TooLargeError):
                    return None
                raise
        lookup = None
        if 2 * size <= limit:
            lookup = lookup_of(product, pa.Table.from_batches(seen, schema))
        if lookup and size + lookup.bytes > limit:
            lookup = None
        size += lookup.bytes if lookup else 0
        loaded = Loaded(product, snapshot, name, rows, size, lookup)
        self._alive.add(loaded)
        weakref.finalize(loaded, self._leave, name)
        return loaded

    def _leave(self, name: str) -> None:
        self._left.put(name)
        self._queue.put(None)


@contextmanager
def _reporting(interrupts: Interrupts) -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException:
        interrupts.check()
        raise CancelledError("The query was interrupted") from None
    except duckdb.Error as error:
        log.error("query failed: %s", error)
        raise QueryError("The query failed; the server's log says why") from error


def in_memory(table: str) -> exp.Table:
    """A table of DuckDB's."""
    return exp.table_(table, quoted=True)
