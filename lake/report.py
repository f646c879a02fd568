"""What the commands print."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from lake.maintain import Outcome, State
from lake.publications import Publication
from lake.rollback import Entry
from lake.status import Status
from lake.tables import TableName
from lake.times import age, moment
from malha.console import Console


def statuses_json(found: Iterable[Status]) -> str:
    """The statuses for programs: a list of objects."""
    rows = [
        {
            "table": one.table.relation,
            "name": one.table.name,
            "product": one.table.product,
            "state": one.state,
            "snapshot": one.current.snapshot if one.current else None,
            "since": one.current.since if one.current else None,
            "rows": one.rows,
            "tests_passed": one.last.tests_passed if one.last else None,
            "tests_failed": list(one.last.tests_failed) if one.last else [],
            "reason": one.last.reason if one.last else None,
            "branch": one.waiting,
            "look": one.look,
        }
        for one in found
    ]
    return _json(rows)


def history_json(entries: Iterable[Entry]) -> str:
    """A history for programs: a list of objects, newest first."""
    rows = [
        {
            "snapshot": entry.snapshot.id,
            "committed": entry.snapshot.committed,
            "since": entry.since,
            "operation": entry.snapshot.operation,
            "rows": entry.snapshot.rows,
            "current": entry.current,
            "by": entry.by,
        }
        for entry in entries
    ]
    return _json(rows)


def _json(rows: Sequence[Mapping[str, object]]) -> str:
    return json.dumps(rows, indent=2, default=datetime.isoformat)


def change(before: object, after: object) -> str:
    """`3 → 1`, or one of them where they are the same."""
    return f"{before} → {after}" if before != after else f"{before}"


def numbered(count: int | None) -> str:
    """A number with its thousands apart."""
    return "?" if count is None else f"{count:,}"


def outcomes(done: Sequence[Outcome]) -> Table:
    """What upkeep did, a row a table."""
    table = Table("table", title="maintained")
    for name in ("data files", "delete files", "bytes", "snapshots", "branches", "orphans"):
        table.add_column(name, justify="right")
    for one in done:
        before, after = one.before, one.after
        table.add_row(
            one.table.relation,
            change(f"{before.data:,}", f"{after.data:,}"),
            change(f"{before.deletes:,}", f"{after.deletes:,}"),
            change(decimal(before.bytes), decimal(after.bytes)),
            change(f"{one.snapshots_before:,}", f"{one.snapshots_after:,}"),
            f"-{len(one.dropped)}" if one.dropped else "",
            f"-{one.orphans:,}" if one.orphans else "",
        )
    return table


def planned(
    console: Console,
    table: TableName,
    state: State,
    files: Sequence[str],
    orphans: Sequence[str],
    limit: int,
) -> None:
    """What upkeep would do with one table: files and snapshots by name, up to a limit of each."""
    plan = state.plan
    console.print(f"[bold]{escape(table.relation)}[/]")
    if plan.building:
        _line(console, f"  {', '.join(plan.building)} is of a build that may be running")
    if plan.rewrite_files:
        small, deletes = state.files.small, state.files.deletes
        held = "would wait for that: " if plan.building else ""
        _line(
            console,
            f"  {held}rewrite {small:,} small of {state.files.data:,} data files "
            f"and {deletes:,} delete files ({decimal(state.files.bytes)} in all)",
        )
        _list(console, files, small + deletes, limit)
    if plan.rewrite_manifests:
        _line(console, f"  rewrite {state.files.manifests:,} manifests")
    for branch in plan.drop_branches:
        _line(console, f"  drop branch {branch}")
    if plan.expire:
        count = len(state.metadata.snapshots)
        _line(console, f"  expire {len(plan.expire):,} of {count:,} snapshots")
        shown = [f"{s.id}  {moment(s.committed)}  {s.operation}" for s in plan.expire]
        _list(console, shown, len(shown), limit)
    if orphans:
        _line(console, f"  remove {len(orphans):,} orphan files")
        _list(console, orphans, len(orphans), limit)
    if plan == type(plan)() and not orphans:
        _line(console, "  nothing to do")


def history(table: TableName, entries: Sequence[Entry]) -> Table:
    """The snapshots that a table can be put back to."""
    shown = Table("snapshot", "published (UTC)", "operation", "rows", "by", "")
    shown.title = table.relation
    shown.columns[3].justify = "right"
    for entry in entries:
        snapshot = entry.snapshot
        shown.add_row(
            str(snapshot.id),
            moment(entry.since),
            snapshot.operation,
            numbered(snapshot.rows),
            entry.by,
            "current" if entry.current else "",
        )
    return shown


def statuses(found: Sequence[Status]) -> Table:
    """What is published, a row a table."""
    table = Table("table", "product", "snapshot", "age", "rows", "tests passed", "state")
    table.columns[0].no_wrap = True
    for column in (4, 5):
        table.columns[column].justify = "right"
    for one in found:
        current, last = one.current, one.last
        state = escape(one.state)
        table.add_row(
            one.table.relation,
            "yes" if one.table.product else "",
            str(current.snapshot or "") if current else "",
            age(current.since) if current and current.since else "",
            numbered(one.rows) if current else "",
            _tests(last) if last else "",
            f"[yellow]{state}[/]" if last and not last.published else state,
        )
    return table


def explain(console: Console, one: Status) -> None:
    """Say why a table stayed behind, and how to look at what waits."""
    last = one.last
    if last is None or last.published:
        return
    reason = f": {last.reason}" if last.reason else ""
    _line(console, f"{one.table.relation} was not published by build {last.invocation[:8]}{reason}")
    for test in last.tests_failed:
        _line(console, f"  failed: {test}")
    if one.look:
        _line(console, f"  look:   {one.look}")


def _tests(last: Publication) -> str:
    return f"{last.tests_passed} of {last.tests_passed + len(last.tests_failed)}"


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)


def _list(console: Console, items: Iterable[str], count: int, limit: int) -> None:
    shown = list(items)[:limit]
    for item in shown:
        _line(console, f"    {item}")
    if count > len(shown):
        _line(console, f"    … and {count - len(shown):,} more: --limit {count}")
