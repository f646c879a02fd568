"""Tables made by hand, as ingest and build leave them."""

from dataclasses import dataclass

import pytest

from tests.mesh import Mesh

_PROPERTIES = """
    'format-version' = '2', 'write.delete.mode' = 'merge-on-read',
    'write.update.mode' = 'merge-on-read', 'write.merge.mode' = 'merge-on-read',
    'write.wap.enabled' = 'true'
"""

_PUBLICATIONS = """
    create table if not exists malha.publications (
        invocation_id string, finished_at timestamp, model string, relation string, branch string,
        snapshot_id bigint, published boolean, tests_passed int, tests_failed array<string>,
        reason string
    ) using iceberg
"""

STATE = "`spark.sql.iceberg.snapshot-property.malha.batch`"
"""What a session sets so that its commits carry state."""


@dataclass
class Lake:
    """The lake's tables, as SQL makes them."""

    mesh: Mesh

    def create(self, table: str, columns: str = "pedido_id bigint, valor int") -> None:
        self.mesh.execute(
            f"drop table if exists {table} purge",
            f"create table {table} ({columns}) using iceberg tblproperties ({_PROPERTIES})",
        )

    def insert(self, table: str, *rows: str) -> None:
        """Append rows, in a commit each."""
        self.mesh.execute(*(f"insert into {table} values {row}" for row in rows))

    def on_branch(self, table: str, branch: str, *statements: str) -> None:
        """Do as a build does: make a branch, and write there."""
        self.mesh.execute(
            f"alter table {table} create branch `{branch}`",
            f"set spark.wap.branch={branch}",
            *statements,
        )

    def publication(
        self, relation: str, branch: str, *, published: bool, failed: str = "", reason: str = ""
    ) -> None:
        """Append what a build says of a table."""
        ref = "main" if published else branch
        head = f"(select snapshot_id from {relation}.refs where name = '{ref}')"
        tests = f"array('{failed}')" if failed else "cast(array() as array<string>)"
        self.mesh.execute(
            _PUBLICATIONS,
            "insert into malha.publications select "
            f"'{branch.removeprefix('build_')}-0000', current_timestamp(), 'model', '{relation}', "
            f"'{branch}', {head}, {str(published).lower()}, 7, {tests}, "
            f"{repr(reason) if reason else 'null'}",
        )

    def snapshots(self, table: str) -> list[int]:
        """Oldest first."""
        rows = self.mesh.query(f"select snapshot_id from {table}.snapshots order by committed_at")
        return [row[0] for row in rows]

    def current(self, table: str) -> int:
        ((number,),) = self.mesh.query(f"select snapshot_id from {table}.refs where name = 'main'")
        return int(number)

    def branches(self, table: str) -> set[str]:
        return {row[0] for row in self.mesh.query(f"select name from {table}.refs")}

    def files(self, table: str) -> list[str]:
        rows = self.mesh.query(f"select file_path from {table}.files")
        return [row[0] for row in rows]

    def rows(self, table: str) -> list[tuple[object, ...]]:
        return self.mesh.query(f"select * from {table} order by 1")


@pytest.fixture
def lake(mesh: Mesh) -> Lake:
    mesh.begin_empty()
    return Lake(mesh)
