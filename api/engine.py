"""Queries to rows, through the Spark Thrift Server."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from pyhive import hive
from pyhive.exc import Error as HiveError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from sqlglot import exp
from thrift.Thrift import TException

from api.errors import (
    ApiError,
    BusyError,
    NotBuiltError,
    OutageError,
    QueryError,
    QueryTimeoutError,
)
from api.queries import render
from malha.errors import UnreachableError
from malha.hive import StatementFailedError, connect, run
from malha.settings import Settings

log = logging.getLogger("malha.api")

# What a connection raises once the server behind it is gone.
_BROKEN = (TException, OSError, EOFError)


# What Spark's message has where the metastore or the store is away: Java's network errors, the
# metastore's client, and the store's answers of 5xx.
_OUTAGE = re.compile(r"java\.net\.\w+Exception|TTransportException|S3Exception.*Status Code: 5\d\d")


@dataclass(frozen=True)
class Rows:
    """The answer to a query: column names, and a tuple of Python values a row."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


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

    def close(self) -> None:
        """Close the sessions that are not in use."""
        self._pool.dispose()

    def fetch(self, query: exp.Query) -> Rows:
        """Run a query and return all its rows.

        Raises:
            BusyError: no session became free within API_POOL_TIMEOUT.
            UnreachableError: the Thrift Server does not answer.
            QueryTimeoutError: the query ran for API_QUERY_TIMEOUT and was cancelled.
            NotBuiltError: a table of the query does not exist.
            QueryError: Spark refused or failed the query.
        """
        sql = render(query)
        deadline = time.monotonic() + self._settings.api_query_timeout
        while True:
            with self._session() as session:
                proven = "proven" in session.info
                try:
                    rows = self._run(session, sql, deadline)
                except (*_BROKEN, HiveError) as error:
                    session.invalidate()
                    if proven and time.monotonic() < deadline:
                        # It broke since it was last used, as when the server was restarted.
                        continue
                    raise UnreachableError(f"the Spark Thrift Server hung up ({error})") from error
                session.info["proven"] = True
                return rows

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

    def _run(self, session: PoolProxiedConnection, sql: str, deadline: float) -> Rows:
        """Run a statement; a HiveError means that the session, not the statement, is at fault."""

        def in_time() -> None:
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
            columns = tuple(column[0] for column in cursor.description)
            return Rows(columns, cursor.fetchall())


def query_error(message: str) -> ApiError:
    """What a caller is told where Spark ended a query with this message."""
    if "TABLE_OR_VIEW_NOT_FOUND" in message:
        return NotBuiltError("The product has not been built yet: run `dbt build`")
    log.error("query failed: %s", message)
    if _OUTAGE.search(message):
        return OutageError("The query engine cannot reach its data at the moment")
    return QueryError("The query failed; the server's log says why")
