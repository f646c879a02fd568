"""Statements through the Thrift Server, however long they take."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from pyhive import hive
from pyhive.exc import Error as HiveError
from thrift.Thrift import TException

from lake.errors import StatementError
from malha.errors import UnreachableError
from malha.hive import StatementFailedError, connect, run
from malha.settings import Settings

_BROKEN = (HiveError, TException, OSError, EOFError)

_PREFIXES = re.compile(r"^(?:(?:[\w.$]+(?:Exception|Error)|Error running query): |\[\w+\] )+")

# What Iceberg says where it is not the first to commit.
_CONFLICT = re.compile(r"conflicted with another concurrent|CommitFailedException")

Row = dict[str, Any]
"""A row by its columns' names; timestamps have UTC as their zone."""


class Session:
    """A session of the Thrift Server.

    Args:
        check: called about twice a second while a statement runs; what it raises cancels that.
    """

    def __init__(self, connection: hive.Connection, check: Callable[[], None]) -> None:
        self._connection = connection
        self._check = check

    def rows(self, sql: str) -> list[Row]:
        """Run a statement and return its rows.

        Raises:
            StatementError: Spark refused or failed it.
            UnreachableError: the Thrift Server hung up.
        """
        try:
            cursor: Any = self._connection.cursor()
            with closing(cursor):
                return self._run(cursor, sql)
        except _BROKEN as error:
            raise UnreachableError(
                f"the Spark Thrift Server hung up ({error}): see `make logs SERVICE=thrift`"
            ) from error

    def columns(self, source: str) -> list[str]:
        """The names of the columns of a table or metadata table."""
        described = self.rows(f"describe {source}")
        names = [row["col_name"] for row in described]
        return names[: names.index("")] if "" in names else names

    def _run(self, cursor: Any, sql: str) -> list[Row]:
        try:
            run(cursor, sql, self._check)
        except StatementFailedError as error:
            raise StatementError(_reason(str(error))) from None
        if cursor.description is None:
            return []
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, map(_in_utc, row), strict=True)) for row in cursor.fetchall()]


@contextmanager
def session(settings: Settings, check: Callable[[], None] = lambda: None) -> Iterator[Session]:
    """Open a session, and close it at the end.

    Raises:
        UnreachableError: the Thrift Server does not answer.
    """
    connection = connect(settings, user="malha-lake")
    try:
        yield Session(connection, check)
    finally:
        with suppress(*_BROKEN):  # it may be gone by now
            connection.close()


def literal(text: str) -> str:
    """A string literal of Spark's SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _in_utc(value: Any) -> Any:
    # The server's sessions are in UTC, and PyHive leaves the zone out.
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _reason(message: str) -> str:
    """What Spark says, in one line and without the names of Java's classes before it."""
    if _CONFLICT.search(message):
        return "another writer committed meanwhile: run it again"
    return _PREFIXES.sub("", message.strip()).partition("\n")[0].rstrip(".")
