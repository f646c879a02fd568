"""Queries to rows, through the Spark Thrift Server."""

import logging
import re
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from functools import cache, partial
from typing import Any

import pyarrow as pa
from pyhive import hive
from pyhive.exc import Error as HiveError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from TCLIService.ttypes import TCloseOperationReq
from thrift.Thrift import TException
from thrift.transport.TTransport import TTransportException

from api import thrift_rows
from api.errors import (
    ApiError,
    BusyError,
    NotBuiltError,
    OutageError,
    QueryError,
    QueryTimeoutError,
    SnapshotGoneError,
)
from api.interrupts import Interrupts
from malha.errors import UnreachableError
from malha.hive import StatementFailedError, connect, run
from malha.settings import Settings

log = logging.getLogger("malha.api")

# What a connection raises once the server behind it is gone.
_BROKEN = (TException, OSError, EOFError)


# What Spark's message has where the metastore or the store is away: Java's network errors, the
# metastore's client, and the store's answers of 5xx.
_OUTAGE = re.compile(r"java\.net\.\w+Exception|TTransportException|S3Exception.*Status Code: 5\d\d")


_STREAMING = {"set:hiveconf:spark.sql.thriftServer.incrementalCollect": "true"}
"""A session whose results the server makes as they are fetched, one task's at a time; by itself it
gathers all of them before the first is sent."""

_ONE = pa.schema([pa.field("one", pa.int32())])

_ROWS = 10_000
"""How many rows the server is asked for at a time."""


class ThriftEngine:
    """Pools of sessions, each used by one query at a time: one for pages, whose results the server
    has ready before they are fetched, and one for whole products, whose results it has not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pages = self._pool(query_sessions(settings), {})
        # Copies to memory go one after the other.
        self._whole = self._pool(settings.api_exports + 1, _STREAMING)
        self._asking = self._pool(1, {})

    @property
    def sessions(self) -> int:
        """How many are in use."""
        return int(self._pages.checkedout() + self._whole.checkedout())

    def close(self) -> None:
        """Close the sessions that are not in use."""
        self._pages.dispose()
        self._whole.dispose()
        self._asking.dispose()

    def check(self) -> None:
        """See that the server answers, by a session that no query uses.

        Raises:
            ApiError: it fails `select 1`, or took too long.
            UnreachableError: it does not answer.
        """
        for _ in self._stream(self._asking, "select 1", _ONE, Interrupts()):
            pass

    def fetch(self, sql: str, schema: pa.Schema, interrupts: Interrupts | None = None) -> pa.Table:
        """Run a query and return all its rows; see `stream`."""
        with closing(self.stream(sql, schema, interrupts or Interrupts())) as batches:
            return pa.Table.from_batches(batches, schema)

    def stream(
        self, sql: str, schema: pa.Schema, interrupts: Interrupts, *, whole: bool = False
    ) -> Generator[pa.RecordBatch]:
        """Run a query and return its rows as they come, as one batch or several.

        Args:
            schema: names and types of the columns, in the order of the query's.
            interrupts: asked about twice a second until the first row is there, and at each batch.
            whole: whether the rows are made as they are taken, rather than all at once; neither
                the server nor this process then has more than a part of them.

        Raises:
            BusyError: no session became free within API_POOL_TIMEOUT.
            UnreachableError: the Thrift Server does not answer, or hung up in the middle.
            QueryTimeoutError: the query ran for API_QUERY_TIMEOUT and was cancelled.
            CancelledError: it was interrupted.
            NotBuiltError: a table of the query does not exist.
            QueryError: Spark refused or failed the query.
        """
        return self._stream(self._whole if whole else self._pages, sql, schema, interrupts)

    def _stream(
        self, pool: QueuePool, sql: str, schema: pa.Schema, interrupts: Interrupts
    ) -> Generator[pa.RecordBatch]:
        deadline = time.monotonic() + self._settings.api_query_timeout
        while True:
            with self._session(pool) as session:
                proven = "proven" in session.info
                begun = False
                try:
                    for batch in self._run(session, sql, schema, interrupts, deadline):
                        begun = True
                        yield batch
                except (*_BROKEN, HiveError) as error:
                    # Nothing more is asked here: a server that is silent would not answer that
                    # either, and one that is late would answer what was asked before.
                    session.dbapi_connection._transport.close()  # type: ignore[union-attr]
                    session.invalidate()
                    interrupts.check()
                    if proven and not begun and time.monotonic() < deadline:
                        # It broke since it was last used, as when the server was restarted.
                        continue
                    raise UnreachableError(f"the Spark Thrift Server hung up ({error})") from error
                session.info["proven"] = True
                return

    def _pool(self, size: int, configuration: dict[str, str]) -> QueuePool:
        return QueuePool(
            partial(self._connect, configuration),
            pool_size=size,
            max_overflow=0,
            timeout=self._settings.api_pool_timeout,
            use_lifo=True,
            reset_on_return=None,  # there is no transaction to roll back
        )

    def _connect(self, configuration: dict[str, str]) -> hive.Connection:
        # The deadline of a query is kept by polling; the socket's is for a silent server.
        timeout = self._settings.api_query_timeout + 10
        return connect(self._settings, user="api", timeout=timeout, configuration=configuration)

    @contextmanager
    def _session(self, pool: QueuePool) -> Iterator[PoolProxiedConnection]:
        try:
            session = pool.connect()
        except PoolTimeoutError:
            raise BusyError("Every connection to the query engine is in use") from None
        try:
            yield session
        finally:
            session.close()

    def _run(
        self,
        session: PoolProxiedConnection,
        sql: str,
        schema: pa.Schema,
        interrupts: Interrupts,
        deadline: float,
    ) -> Iterator[pa.RecordBatch]:
        """Run a statement; a HiveError means that the session, not the statement, is at fault."""

        def in_time() -> None:
            interrupts.check()
            if time.monotonic() > deadline:
                raise QueryTimeoutError(
                    f"The query was cancelled after {self._settings.api_query_timeout:g} s"
                )

        cursor: Any = session.cursor()
        # However often it is asked for: each takes a session.
        end = cache(lambda: self._end(cursor))
        with closing(cursor):
            try:
                run(cursor, sql, in_time)
                with interrupts.stopping(end):
                    for batch in thrift_rows.batches(cursor, schema, _ROWS):
                        yield batch
                        interrupts.check()
            except TTransportException as error:
                if error.type == TTransportException.TIMED_OUT:
                    end()
                raise
            except StatementFailedError as error:
                interrupts.check()
                raise query_error(str(error)) from None

    def _end(self, cursor: Any) -> None:
        """End a statement while its session waits for rows, by a session of its own, soon."""
        handle = cursor._operationHandle
        threading.Thread(target=self._end_now, args=[handle], daemon=True).start()

    def _end_now(self, handle: Any) -> None:
        try:
            with closing(self._connect({})) as connection:
                # Its rows are still being made, but to the server it has finished: to cancel it
                # would do nothing.
                connection.client.CloseOperation(TCloseOperationReq(handle))
        except (*_BROKEN, HiveError, UnreachableError) as error:
            log.warning("a statement could not be ended: %s", error)


def query_sessions(settings: Settings) -> int:
    """Sessions for pages: whole products have some of their own, and so have copies to memory."""
    return max(1, settings.api_pool_size - settings.api_exports - 1)


def query_error(message: str) -> ApiError:
    """What a caller is told where Spark ended a query with this message."""
    if "TABLE_OR_VIEW_NOT_FOUND" in message:
        return NotBuiltError("The product has not been built yet: run `dbt build`")
    if "Cannot find snapshot" in message:
        return SnapshotGoneError("The snapshot that this cursor is of has expired: begin again")
    log.error("query failed: %s", message)
    if _OUTAGE.search(message):
        return OutageError("The query engine cannot reach its data at the moment")
    return QueryError("The query failed; the server's log says why")
