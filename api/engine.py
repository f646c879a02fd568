"""Queries to rows, through the Spark Thrift Server."""

import logging
import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pyarrow as pa
from pyhive import hive
from pyhive.exc import Error as HiveError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from thrift.Thrift import TException

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
from malha.errors import UnreachableError
from malha.hive import StatementFailedError, connect, run
from malha.settings import Settings

log = logging.getLogger("malha.api")

# What a connection raises once the server behind it is gone.
_BROKEN = (TException, OSError, EOFError)


# What Spark's message has where the metastore or the store is away: Java's network errors, the
# metastore's client, and the store's answers of 5xx.
_OUTAGE = re.compile(r"java\.net\.\w+Exception|TTransportException|S3Exception.*Status Code: 5\d\d")


Check = Callable[[], None]
"""Called while a statement runs; what it raises cancels that."""

_ROWS = 10_000
"""How many rows the server is asked for at a time."""


class ThriftEngine:
    """A pool of sessions, each used by one query at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = QueuePool(
            self._connect,
            pool_size=settings.api_pool_size,
            max_overflow=0,
            timeout=settings.api_pool_timeout,
            use_lifo=True,
            reset_on_return=None,  # there is no transaction to roll back
        )

    @property
    def sessions(self) -> int:
        """How many are in use."""
        return int(self._pool.checkedout())

    def close(self) -> None:
        """Close the sessions that are not in use."""
        self._pool.dispose()

    def fetch(self, sql: str, schema: pa.Schema, check: Check = lambda: None) -> pa.Table:
        """Run a query and return all its rows; see `stream`."""
        with closing(self.stream(sql, schema, check)) as batches:
            return pa.Table.from_batches(batches, schema)

    def stream(
        self, sql: str, schema: pa.Schema, check: Check = lambda: None
    ) -> Generator[pa.RecordBatch]:
        """Run a query and return its rows as they come, as one batch or several.

        Args:
            schema: names and types of the columns, in the order of the query's.
            check: called about twice a second until the first row is there.

        Raises:
            BusyError: no session became free within API_POOL_TIMEOUT.
            UnreachableError: the Thrift Server does not answer, or hung up in the middle.
            QueryTimeoutError: the query ran for API_QUERY_TIMEOUT and was cancelled.
            NotBuiltError: a table of the query does not exist.
            QueryError: Spark refused or failed the query.
        """
        deadline = time.monotonic() + self._settings.api_query_timeout
        while True:
            with self._session() as session:
                proven = "proven" in session.info
                begun = False
                try:
                    for batch in self._run(session, sql, schema, check, deadline):
                        begun = True
                        yield batch
                except (*_BROKEN, HiveError) as error:
                    session.invalidate()
                    if proven and not begun and time.monotonic() < deadline:
                        # It broke since it was last used, as when the server was restarted.
                        continue
                    raise UnreachableError(f"the Spark Thrift Server hung up ({error})") from error
                session.info["proven"] = True
                return

    def _connect(self) -> hive.Connection:
        # The deadline of a query is kept by polling; the socket's is for a silent server.
        return connect(self._settings, user="api", timeout=self._settings.api_query_timeout + 10)

    @contextmanager
    def _session(self) -> Iterator[PoolProxiedConnection]:
        try:
            session = self._pool.connect()
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
        check: Check,
        deadline: float,
    ) -> Iterator[pa.RecordBatch]:
        """Run a statement; a HiveError means that the session, not the statement, is at fault."""

        def in_time() -> None:
            check()
            if time.monotonic() > deadline:
                raise QueryTimeoutError(
                    f"The query was cancelled after {self._settings.api_query_timeout:g} s"
                )

        cursor: Any = session.cursor()
        with closing(cursor):
            try:
                run(cursor, sql, in_time)
            except StatementFailedError as error:
                raise query_error(str(error)) from None
            yield from thrift_rows.batches(cursor, schema, _ROWS)


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
