"""Upkeep of one table: what it would do, and doing it."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lake import plan as planning
from lake import publications
from lake.errors import StatementError
from lake.plan import Files, Plan, Policy
from lake.session import Session, literal
from lake.tables import Metadata, TableName, read

_NEVER = "timestamp '1970-01-01 00:00:00'"

Say = Callable[[str], None]
"""Called with the step that begins."""


@dataclass(frozen=True)
class State:
    """A table as it was found."""

    metadata: Metadata
    files: Files
    plan: Plan


@dataclass
class Outcome:
    """What upkeep did with one table."""

    table: TableName
    before: Files
    after: Files
    snapshots_before: int
    snapshots_after: int
    dropped: list[str] = field(default_factory=list)
    orphans: int = 0
    problems: list[str] = field(default_factory=list)
    """What was not done, and why; the next run does it."""


def inspect(session: Session, table: TableName, policy: Policy) -> State:
    """Read a table's metadata, and decide what to do."""
    metadata = read(session, table)
    files = _files(session, table, policy)
    drop: list[str] = []
    building: list[str] = []
    if branches := planning.build_branches(metadata):
        finished = publications.finished(session, (branch.name for branch in branches))
        changed = _last_change(session, table)
        drop, building = planning.branches(metadata, finished, changed, policy)
    rewrite_files, rewrite_manifests = planning.compaction(files, policy)
    expire = planning.expired(metadata, policy, dropped=drop)
    return State(metadata, files, Plan(rewrite_files, rewrite_manifests, drop, expire, building))


def maintain(session: Session, table: TableName, policy: Policy, say: Say) -> Outcome:
    """Drop leftover branches, rewrite small files, expire snapshots.

    A step that fails, because another writer was faster for example, does not keep the others
    from being done.
    """
    state = inspect(session, table, policy)
    plan, snapshots = state.plan, len(state.metadata.snapshots)
    outcome = Outcome(table, state.files, state.files, snapshots, snapshots)

    def step(name: str, *statements: str) -> bool:
        say(name)
        try:
            for statement in statements:
                session.rows(statement)
        except StatementError as error:
            outcome.problems.append(f"{name} failed: {error}")
            return False
        return True

    for branch in plan.drop_branches:
        statement = f"alter table {table.sql} drop branch if exists `{branch}`"
        if step(f"dropping {branch}", statement):
            outcome.dropped.append(branch)
    if plan.building and (plan.rewrite_files or plan.rewrite_manifests):
        outcome.problems.append(
            f"not compacted: {', '.join(plan.building)} is of a build that may be running"
        )
    elif plan.rewrite_files or plan.rewrite_manifests:
        if plan.rewrite_files:
            step("compacting", _rewrite_data_files(session, table, policy))
            # A delete file outlives the data files that it was for, until it is rewritten itself.
            if _files(session, table, policy).deletes:
                step("compacting deletes", _rewrite_delete_files(table))
        if _files(session, table, policy).manifests >= planning.MANIFESTS:
            call = f"call lake.system.rewrite_manifests(table => {literal(table.relation)})"
            step("rewriting manifests", call)
    if plan.expire and set(plan.drop_branches) <= set(outcome.dropped):
        step("expiring", _expire(table, (snapshot.id for snapshot in plan.expire)))
    if plan != Plan():
        outcome.after = _files(session, table, policy)
        outcome.snapshots_after = len(read(session, table).snapshots)
    return outcome


def orphans(
    session: Session,
    table: TableName,
    policy: Policy,
    foreign: Collection[str],
    *,
    dry_run: bool,
) -> list[str]:
    """Remove the files below the table's location that none of its snapshots knows.

    Args:
        foreign: URIs of what belongs to others, and would be taken for orphans below it.
        dry_run: whether only to name them.

    Returns:
        Their URIs.

    Raises:
        StatementError: Spark failed, or something of others is below the table's location.
    """
    home = location(session, table)
    inside = [uri for uri in foreign if _key(uri).startswith(f"{_key(home)}/")]
    if inside:
        raise StatementError(f"{', '.join(inside)} is inside its location {home}")
    if policy.orphans >= planning.ORPHANS_AT_LEAST:
        before = policy.now - policy.orphans
        which = f"older_than => timestamp '{before.astimezone(UTC):%Y-%m-%d %H:%M:%S}'"
    else:
        which = f"file_list_view => '{_listing(session, home, policy.orphans)}'"
    rows = session.rows(
        f"call lake.system.remove_orphan_files(table => {literal(table.relation)}, "
        f"dry_run => {str(dry_run).lower()}, {which})"
    )
    return [row["orphan_file_location"] for row in rows]


def location(session: Session, table: TableName) -> str:
    """The URI below which a table's files are."""
    described = session.rows(f"describe table extended {table.sql}")
    return next(str(row["data_type"]) for row in described if row["col_name"] == "Location")


def files_to_rewrite(
    session: Session, table: TableName, policy: Policy, *, limit: int
) -> list[str]:
    """The URIs of what compaction would take away: small data files and deletes, small first."""
    rows = session.rows(
        "select file_path from (select *, "  # noqa: S608
        f"count_if(content = 0 and small) over (partition by {_partition(session, table)}) as n "
        f"from (select *, file_size_in_bytes < {policy.small_file} as small "
        f"from {table.sql}.files)) where content > 0 or (small and n >= {policy.min_files}) "
        f"order by file_size_in_bytes, file_path limit {limit}"
    )
    return [row["file_path"] for row in rows]


def _files(session: Session, table: TableName, policy: Policy) -> Files:
    rows = session.rows(
        "select content, count(*) as files, sum(file_size_in_bytes) as bytes, "  # noqa: S608
        f"count_if(file_size_in_bytes < {policy.small_file}) as small "
        f"from {table.sql}.files group by content, {_partition(session, table)}"
    )
    (manifests,) = session.rows(f"select count(*) as n from {table.sql}.manifests")  # noqa: S608
    data = [row for row in rows if row["content"] == 0]
    return Files(
        data=sum(row["files"] for row in data),
        deletes=sum(row["files"] for row in rows if row["content"] > 0),
        bytes=sum(row["bytes"] for row in rows),
        small=sum(row["small"] for row in data if row["small"] >= policy.min_files),
        manifests=manifests["n"],
    )


def _partition(session: Session, table: TableName) -> str:
    """The columns of `.files` that tell partitions apart: a table without any lacks the second."""
    partitioned = "partition" in session.columns(f"{table.sql}.files")
    return "spec_id, partition" if partitioned else "spec_id"


def _rewrite_data_files(session: Session, table: TableName, policy: Policy) -> str:
    options = {
        "target-file-size-bytes": policy.target_file,
        "min-file-size-bytes": policy.small_file,
        # A large file is no reason for work: what matters is how many there are.
        "max-file-size-bytes": 2**63 - 1,
        "min-input-files": policy.min_files,
        "delete-file-threshold": policy.delete_files,
    }
    flat = ", ".join(f"'{key}', '{value}'" for key, value in options.items())
    return (
        f"call lake.system.rewrite_data_files(table => {literal(table.relation)}, "
        f"{_order(session, table)}options => map({flat}))"
    )


def _order(session: Session, table: TableName) -> str:
    """In which order the rows are rewritten: the table's own, or by batch in bronze.

    Each file of a bronze table has one batch until it is compacted; in this order a file that
    replaces several has a range of batches that no other file has, so that a reader of the newest
    batches still skips the files of the older ones.
    """
    properties = session.rows(f"show tblproperties {table.sql}")
    if any(row["key"] == "sort-order" for row in properties):
        return "strategy => 'sort', "
    if table.bronze and "_batch_id" in session.columns(table.sql):
        return "strategy => 'sort', sort_order => '_batch_id', "
    return ""


def _rewrite_delete_files(table: TableName) -> str:
    return (
        f"call lake.system.rewrite_position_delete_files(table => {literal(table.relation)}, "
        "options => map('rewrite-all', 'true'))"
    )


def _expire(table: TableName, ids: Iterable[int]) -> str:
    # By their ids alone: `older_than` knows neither state nor since when a snapshot is superseded.
    chosen = ", ".join(f"{number}L" for number in ids)
    return (
        f"call lake.system.expire_snapshots(table => {literal(table.relation)}, "
        f"older_than => {_NEVER}, snapshot_ids => array({chosen}))"
    )


def _listing(session: Session, home: str, age: timedelta) -> str:
    """A view of the files below a location, for an age that the procedure itself refuses.

    It takes a list of files with their times, and those older than three days of it.
    """
    shift = timedelta(days=3) - age
    session.rows(
        "create or replace temporary view lake_listing using binaryFile "
        f"options (path {literal(home)}, recursiveFileLookup 'true')"
    )
    session.rows(
        "create or replace temporary view lake_files as select path as file_path, "  # noqa: S608
        f"modificationTime - interval '{shift.total_seconds():.0f}' second as last_modified "
        "from lake_listing"
    )
    return "lake_files"


def _last_change(session: Session, table: TableName) -> datetime:
    (row,) = session.rows(
        f"select max(timestamp) as last from {table.sql}.metadata_log_entries"  # noqa: S608
    )
    changed: datetime = row["last"]
    return changed


def _key(uri: str) -> str:
    """A URI without its scheme, of which S3 has several."""
    return uri.partition("://")[2].rstrip("/")
