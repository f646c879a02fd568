"""What is published, and what waits."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hive_metastore.ttypes import NoSuchObjectException

from lake import publications
from lake.publications import Publication
from lake.session import Session
from lake.tables import TableName, existing, read
from malha import metastore
from malha.settings import Settings


@dataclass(frozen=True)
class Current:
    """What the metastore says of a table."""

    snapshot: int | None
    """Null in a table that is empty, or has nothing on main yet."""
    since: datetime | None
    rows: int | None
    """Null where the metastore cannot say, as deletes may be counted twice there."""


@dataclass(frozen=True)
class Status:
    """A table, as it is published and as it waits."""

    table: TableName
    current: Current | None
    """None where it has not been built."""
    rows: int | None
    last: Publication | None
    """What the last build that looked at the table did with it."""
    waiting: str | None
    """The branch that the last build left behind, where it is still there."""
    rolled_back: bool
    """Whether the table is at an older snapshot than the one that was published last."""

    @property
    def state(self) -> str:
        """In two words, or one."""
        if self.current is None:
            return "not built"
        if self.last and not self.last.published:
            return f"waiting: {self.waiting}" if self.waiting else "not published"
        if self.rolled_back:
            return "rolled back"
        return "published" if self.last else "built"

    @property
    def look(self) -> str | None:
        """The query that shows what waits."""
        if self.waiting is None:
            return None
        relation = self.table.relation
        return f"select * from {relation} version as of '{self.waiting}'"  # noqa: S608


def statuses(session: Session, tables: list[TableName], settings: Settings) -> list[Status]:
    """The status of each of these tables.

    Raises:
        UnreachableError: the metastore or the Thrift Server does not answer.
    """
    currents = _currents(tables, settings)
    latest = publications.latest(session)
    found = set(existing(session, tables))
    return [
        _status(session, table, currents.get(table) if table in found else None, latest)
        for table in tables
    ]


def _status(
    session: Session,
    table: TableName,
    current: Current | None,
    latest: Mapping[str, Publication],
) -> Status:
    last = latest.get(table.relation)
    if current is None:
        return Status(table, None, None, last, None, rolled_back=False)
    rows = current.rows
    if rows is None and current.snapshot is not None:
        rows = session.rows(f"select count(*) as n from {table.sql}")[0]["n"]  # noqa: S608
    waiting, rolled_back = None, False
    if last and not last.published and last.branch:
        # Maintenance drops what nobody has published for long.
        known = session.rows(f"select name from {table.sql}.refs")  # noqa: S608
        waiting = last.branch if last.branch in {row["name"] for row in known} else None
    elif last and last.snapshot not in (None, current.snapshot) and current.since:
        published = read(session, table).snapshots.get(last.snapshot or 0)
        rolled_back = published is not None and current.since < published.committed
    return Status(table, current, rows, last, waiting, rolled_back)


def _currents(tables: list[TableName], settings: Settings) -> dict[TableName, Current]:
    found = {}
    with metastore.reporting(settings), metastore.client(settings) as client:
        for table in tables:
            try:
                parameters = client.get_table(table.schema, table.table).parameters
            except NoSuchObjectException:
                continue
            found[table] = _current(parameters)
    return found


def _current(parameters: Mapping[str, str]) -> Current:
    if int(parameters.get("current-snapshot-id", -1)) < 0:
        return Current(None, None, 0)
    summary = json.loads(parameters.get("current-snapshot-summary", "{}"))
    deletes = summary.get("total-position-deletes"), summary.get("total-equality-deletes")
    exact = "total-records" in summary and set(deletes) <= {"0", None}
    milliseconds = int(parameters["current-snapshot-timestamp-ms"])
    return Current(
        snapshot=int(parameters["current-snapshot-id"]),
        since=datetime.fromtimestamp(milliseconds / 1000, UTC),
        rows=int(summary["total-records"]) if exact else None,
    )
