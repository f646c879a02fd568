"""Putting a table back to a snapshot that it was at."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lake import publications
from lake.errors import UnknownSnapshotError, UnknownTableError
from lake.publications import Publication
from lake.session import Session, literal
from lake.tables import Metadata, Snapshot, TableName, existing, read
from lake.times import moment

PREVIOUS = "previous"


@dataclass(frozen=True)
class Entry:
    """A snapshot that a table was at, and can be put back to."""

    snapshot: Snapshot
    since: datetime
    """When main came to it last."""
    current: bool
    by: str
    """Who published it."""


@dataclass(frozen=True)
class Rollback:
    """What was put back to what."""

    before: Snapshot
    after: Snapshot
    rows_before: int
    rows_after: int


def history(session: Session, table: TableName) -> list[Entry]:
    """The snapshots that a table was at and still has, newest first.

    Raises:
        UnknownTableError: it has not been built.
    """
    metadata = _read(session, table)
    builds = {one.snapshot: one for one in publications.of_table(session, table) if one.published}
    since = {version.snapshot: version.since for version in metadata.versions}
    entries = [
        Entry(
            snapshot=metadata.snapshots[number],
            since=time,
            current=metadata.main is not None and number == metadata.main.id,
            by=_publisher(metadata.snapshots[number], builds.get(number)),
        )
        for number, time in since.items()
        if number in metadata.snapshots
    ]
    return sorted(entries, key=lambda entry: entry.snapshot.committed, reverse=True)


def rollback(session: Session, table: TableName, to: str) -> Rollback:
    """Put a table back.

    Args:
        to: the number of a snapshot, `previous`, or a moment in UTC (`2026-01-05`,
            `2026-01-05T12:00:00Z`) whose snapshot is meant.

    Raises:
        UnknownTableError: it has not been built.
        UnknownSnapshotError: it has never been there, or that snapshot has expired.
    """
    metadata = _read(session, table)
    before = metadata.main
    if before is None:
        raise UnknownSnapshotError(f"{table.relation} is empty: there is nothing to put back")
    after = target(metadata, to)
    if after is None:
        raise UnknownSnapshotError(_refusal(table, to, history(session, table)))
    rows_before = _count(session, table)
    if after.id != before.id:
        # Not rollback_to_snapshot, which knows ancestors alone: a table that was replaced has none.
        session.rows(
            f"call lake.system.set_current_snapshot({literal(table.relation)}, {after.id}L)"
        )
    return Rollback(before, after, rows_before, _count(session, table))


def target(metadata: Metadata, to: str) -> Snapshot | None:
    """The snapshot that is meant; none where the table was not at it or has it no more."""
    been = [v for v in metadata.versions if v.snapshot in metadata.snapshots]
    if to == PREVIOUS:
        return _previous(metadata)
    if re.fullmatch(r"\d{6,}", to):
        return next((metadata.snapshots[v.snapshot] for v in been if v.snapshot == int(to)), None)
    time = _moment(to)
    at = [version for version in metadata.versions if version.since <= time]
    # Where that one has expired, an older one would be another state than the one of that time.
    return metadata.snapshots.get(at[-1].snapshot) if at else None


def _previous(metadata: Metadata) -> Snapshot | None:
    """The state before the current one.

    A compaction is the same state in other files, so it is not gone back over alone. Going back
    twice goes back by two.
    """
    now = metadata.main
    while now and now.operation == "replace":
        now = metadata.snapshots.get(now.parent) if now.parent else None
    if now is None:
        return None
    older = [
        snapshot
        for version in metadata.versions
        if (snapshot := metadata.snapshots.get(version.snapshot))
        and snapshot.committed < now.committed
    ]
    return max(older, key=lambda snapshot: snapshot.committed, default=None)


def _moment(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UnknownSnapshotError(
            f"{text!r} is neither the number of a snapshot, nor `{PREVIOUS}`, nor a moment such as "
            "2026-01-05 or 2026-01-05T12:00:00Z"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _read(session: Session, table: TableName) -> Metadata:
    if not existing(session, [table]):
        raise UnknownTableError(f"{table.relation} has not been built yet: run `dbt build`")
    return read(session, table)


def _publisher(snapshot: Snapshot, publication: Publication | None) -> str:
    if publication:
        return f"dbt build {publication.invocation[:8]}"
    return "compaction" if snapshot.operation == "replace" else ""


def _count(session: Session, table: TableName) -> int:
    (row,) = session.rows(f"select count(*) as n from {table.sql}")  # noqa: S608
    count: int = row["n"]
    return count


def _refusal(table: TableName, to: str, entries: Sequence[Entry]) -> str:
    known = [
        f"  {entry.snapshot.id}  {moment(entry.since)}{'  (current)' if entry.current else ''}"
        for entry in entries
    ]
    return "\n".join(
        [f"{table.relation} cannot be put back to {to!r}. It can be put back to:", *known]
    )
