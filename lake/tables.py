"""The tables of the mesh, and what Iceberg's metadata tables say of one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lake.errors import UnknownTableError
from lake.session import Row, Session
from malha.manifest import Manifest

SYSTEM_SCHEMA = "malha"
"""Where the mesh keeps what it knows of itself, as tables of their own."""

STATE_PREFIX = "malha."
"""How the keys begin under which a snapshot's summary has the state of ingest or build."""


@dataclass(frozen=True)
class TableName:
    """A table of the lake, by the name that people know it by."""

    name: str
    """Of the dbt model, snapshot or source."""
    schema: str
    table: str
    product: bool = False
    bronze: bool = False

    @property
    def relation(self) -> str:
        """`ouro.cliente_pedido`"""
        return f"{self.schema}.{self.table}"

    @property
    def sql(self) -> str:
        """The name in SQL."""
        return f"`{self.schema}`.`{self.table}`"


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that the table still has."""

    id: int
    parent: int | None
    committed: datetime
    operation: str
    rows: int | None
    """By its summary: rows in data files less deleted positions; null where it does not say."""
    stateful: bool
    """Whether its summary has state of the ingest or of a build."""


@dataclass(frozen=True)
class Ref:
    """A branch or a tag."""

    name: str
    branch: bool
    snapshot: int


@dataclass(frozen=True)
class Version:
    """A snapshot that main was at, from one moment to another."""

    snapshot: int
    since: datetime
    until: datetime | None
    """Null where main is still there."""


@dataclass(frozen=True)
class Metadata:
    """What a table's metadata says of its past."""

    snapshots: dict[int, Snapshot]
    refs: dict[str, Ref]
    versions: list[Version]
    """Oldest first; some may be of snapshots that have expired."""

    @property
    def main(self) -> Snapshot | None:
        """The current snapshot; none in a table that is still empty."""
        ref = self.refs.get("main")
        return self.snapshots[ref.snapshot] if ref else None

    def ancestors(self, snapshot_id: int) -> list[Snapshot]:
        """A snapshot and its ancestors, newest first, as far as they have not expired."""
        found: list[Snapshot] = []
        at: int | None = snapshot_id
        while at is not None and at in self.snapshots:
            found.append(self.snapshots[at])
            at = self.snapshots[at].parent
        return found


def declared(manifest: Manifest) -> list[TableName]:
    """The tables that dbt's manifest declares: bronze, then what dbt builds."""
    bronze = [
        TableName(source.name, source.schema_name, source.table, bronze=True)
        for source in manifest.sources.values()
    ]
    built = [
        TableName(name, model.schema_name, model.table, product=name in manifest.products)
        for name, model in manifest.tables.items()
    ]
    return bronze + sorted(built, key=lambda table: (table.product, table.relation))


def existing(session: Session, tables: Iterable[TableName]) -> list[TableName]:
    """Those that have been made."""
    known: dict[str, set[str]] = {}
    found = []
    for table in tables:
        if table.schema not in known:
            known[table.schema] = set(_names(session, table.schema))
        if table.table in known[table.schema]:
            found.append(table)
    return found


def of_the_system(session: Session) -> list[TableName]:
    """The tables that the mesh keeps for itself."""
    return [TableName(name, SYSTEM_SCHEMA, name) for name in sorted(_names(session, SYSTEM_SCHEMA))]


def select(tables: list[TableName], names: Iterable[str]) -> list[TableName]:
    """The tables of these names (`prata_cliente`) or relations (`prata.cliente`).

    Raises:
        UnknownTableError: a name is none of theirs.
    """
    by_name = {table.name: table for table in tables} | {table.relation: table for table in tables}
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        known = ", ".join(table.relation for table in tables) or "none"
        raise UnknownTableError(f"unknown table: {', '.join(unknown)}. There are: {known}")
    return list(dict.fromkeys(by_name[name] for name in wanted))


def read(session: Session, table: TableName) -> Metadata:
    """Read a table's snapshots, refs and history."""
    snapshots = session.rows(
        "select snapshot_id, parent_id, committed_at, operation, "  # noqa: S608
        "cast(summary['total-records'] as bigint) as records, "
        "cast(coalesce(summary['total-position-deletes'], 0) as bigint) as deletes, "
        f"exists(map_keys(summary), key -> startswith(key, '{STATE_PREFIX}')) as stateful "
        f"from {table.sql}.snapshots"
    )
    refs = session.rows(f"select name, type, snapshot_id from {table.sql}.refs")  # noqa: S608
    history = session.rows(
        f"select made_current_at, snapshot_id from {table.sql}.history order by 1"  # noqa: S608
    )
    left: list[datetime | None] = [row["made_current_at"] for row in history[1:]]
    return Metadata(
        snapshots={row["snapshot_id"]: _snapshot(row) for row in snapshots},
        refs={
            row["name"]: Ref(row["name"], row["type"] == "BRANCH", row["snapshot_id"])
            for row in refs
        },
        versions=[
            Version(row["snapshot_id"], row["made_current_at"], until)
            for row, until in zip(history, [*left, None], strict=bool(history))
        ],
    )


def _snapshot(row: Row) -> Snapshot:
    records = row["records"]
    return Snapshot(
        id=row["snapshot_id"],
        parent=row["parent_id"],
        committed=row["committed_at"],
        operation=row["operation"],
        rows=None if records is None else records - row["deletes"],
        stateful=bool(row["stateful"]),
    )


def _names(session: Session, schema: str) -> list[str]:
    views = {row["viewName"] for row in session.rows(f"show views in `{schema}`")}
    tables = session.rows(f"show tables in `{schema}`")
    return [row["tableName"] for row in tables if row["tableName"] not in views]
