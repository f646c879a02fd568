"""What the builds say of themselves: the table that each `dbt build` appends to at its end."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lake.session import Row, Session, literal
from lake.tables import SYSTEM_SCHEMA, TableName, existing

_TABLE = TableName("publications", SYSTEM_SCHEMA, "publications")


@dataclass(frozen=True)
class Publication:
    """What a build did with one table."""

    invocation: str
    finished: datetime
    relation: str
    branch: str | None
    snapshot: int | None
    published: bool
    tests_passed: int
    tests_failed: tuple[str, ...]
    reason: str | None


def exist(session: Session) -> bool:
    """Whether a build has ever said what it did."""
    return bool(existing(session, [_TABLE]))


def latest(session: Session) -> dict[str, Publication]:
    """What the last build that looked at it did with each table, by relation."""
    if not exist(session):
        return {}
    nth = "row_number() over (partition by relation order by finished_at desc)"
    source = f"(select *, {nth} as nth from {_TABLE.sql})"  # noqa: S608
    return {one.relation: one for one in _rows(session, source, "where nth = 1")}


def of_table(session: Session, table: TableName) -> list[Publication]:
    """What the builds did with a table, oldest first."""
    if not exist(session):
        return []
    wanted = f"where relation = {literal(table.relation)} order by finished_at"
    return list(_rows(session, _TABLE.sql, wanted))


def finished(session: Session, branches: Iterable[str]) -> dict[str, datetime]:
    """When the builds of these branches ended; without those that have not said so."""
    names = ", ".join(literal(branch) for branch in branches)
    if not names or not exist(session):
        return {}
    rows = session.rows(
        f"select branch, max(finished_at) as finished from {_TABLE.sql} "  # noqa: S608
        f"where branch in ({names}) group by branch"
    )
    return {row["branch"]: row["finished"] for row in rows}


def _rows(session: Session, source: str, rest: str) -> Iterable[Publication]:
    rows = session.rows(
        "select invocation_id, finished_at, relation, branch, snapshot_id, "  # noqa: S608
        "published, tests_passed, to_json(tests_failed) as tests_failed, reason "
        f"from {source} {rest}"
    )
    return map(_publication, rows)


def _publication(row: Row) -> Publication:
    return Publication(
        invocation=row["invocation_id"],
        finished=row["finished_at"],
        relation=row["relation"],
        branch=row["branch"],
        snapshot=row["snapshot_id"],
        published=bool(row["published"]),
        tests_passed=row["tests_passed"] or 0,
        tests_failed=tuple(json.loads(row["tests_failed"] or "[]")),
        reason=row["reason"],
    )
