import re

from malha import s3
from tests.lake.conftest import STATE, Lake
from tests.mesh import ok, refused

TABLE = "prata.pedido_entregas"


def _delivered(lake: Lake) -> None:
    """A table of several commits, with a row deleted."""
    lake.create(TABLE)
    lake.insert(TABLE, "(1, 10), (2, 20), (3, 30)", "(4, 40)", "(5, 50)")
    lake.mesh.execute(f"delete from {TABLE} where pedido_id = 2")


def test_dry_run_names_files_and_snapshots_and_changes_nothing(lake: Lake) -> None:
    _delivered(lake)
    snapshots, files = lake.snapshots(TABLE), lake.files(TABLE)
    shown = ok(lake.mesh.lake("maintain", "--dry-run", MAINTAIN_SNAPSHOT_DAYS="0"))
    for name in [*files, *snapshots[:-1]]:
        assert str(name) in shown
    assert str(snapshots[-1]) not in shown
    assert "expire 3 of 4 snapshots" in shown
    assert (lake.snapshots(TABLE), lake.files(TABLE)) == (snapshots, files)


def test_dry_run_names_no_more_than_its_limit(lake: Lake) -> None:
    _delivered(lake)
    count = len(lake.files(TABLE))
    shown = ok(lake.mesh.lake("maintain", "--dry-run", "--limit", "1"))
    assert shown.count("s3a://") == 1
    assert f"… and {count - 1} more: --limit {count}" in shown


def test_same_rows_from_fewer_files_and_no_deletes(lake: Lake) -> None:
    _delivered(lake)
    rows, files = lake.rows(TABLE), lake.files(TABLE)
    shown = ok(lake.mesh.lake("maintain"))
    assert lake.rows(TABLE) == rows == [(1, 10), (3, 30), (4, 40), (5, 50)]
    assert len(files) > len(lake.files(TABLE)) == 1
    assert re.search(rf"│ prata\.pedido_entregas │ +{len(files) - 1} → 1 │ +1 → 0 │", shown)
    assert "nothing to do" in ok(lake.mesh.lake("maintain", "--dry-run"))


def test_snapshots_expire_and_branch_and_tag_stay_readable(lake: Lake) -> None:
    _delivered(lake)
    lake.mesh.execute(f"alter table {TABLE} create tag fechamento")
    lake.on_branch(TABLE, "teste", f"insert into {TABLE} values (6, 60)")
    lake.insert(TABLE, "(7, 70)", "(8, 80)")
    rows = lake.rows(TABLE)
    branch = lake.rows(f"{TABLE} version as of 'teste'")
    tag = lake.rows(f"{TABLE} version as of 'fechamento'")
    assert [len(rows), len(branch), len(tag)] == [6, 5, 4]
    # What compaction supersedes may expire in the run after it.
    for _ in range(2):
        ok(lake.mesh.lake("maintain", TABLE, MAINTAIN_SNAPSHOT_DAYS="0"))
    assert lake.rows(TABLE) == rows
    assert lake.rows(f"{TABLE} version as of 'teste'") == branch
    assert lake.rows(f"{TABLE} version as of 'fechamento'") == tag
    assert len(lake.snapshots(TABLE)) == 3


def test_newest_state_of_main_does_not_expire(lake: Lake) -> None:
    lake.create(TABLE)
    lake.mesh.execute(f"set {STATE}=a", f"insert into {TABLE} values (1, 10)")
    lake.mesh.execute(f"set {STATE}=b", f"insert into {TABLE} values (2, 20)")
    for _ in range(2):
        lake.insert(TABLE, "(3, 30)")
        ok(lake.mesh.lake("maintain", TABLE, MAINTAIN_SNAPSHOT_DAYS="0"))
    left = lake.mesh.query(
        f"select summary['malha.batch'], snapshot_id, parent_id from {TABLE}.snapshots "
        "order by committed_at"
    )
    assert [row[0] for row in left] == ["b", None, None, None, None]
    # Whoever looks for it goes from parent to parent.
    assert [row[2] for row in left[1:]] == [row[1] for row in left[:-1]]


def test_bronze_is_rewritten_in_the_order_of_its_batches(lake: Lake) -> None:
    lake.create("bronze.pedido", "pedido_id string, _batch_id bigint")
    lake.insert("bronze.pedido", "('a', 2)", "('b', 0)", "('c', 1), ('d', 0)")
    ok(lake.mesh.lake("maintain", "bronze.pedido"))
    assert len(lake.files("bronze.pedido")) == 1
    batches = lake.mesh.query("select _batch_id from bronze.pedido order by _pos")
    assert batches == [(0,), (0,), (1,), (2,)]


def test_partitions_are_rewritten_each_for_itself(lake: Lake) -> None:
    lake.mesh.execute(
        f"create table {TABLE} (id bigint, dia date) using iceberg partitioned by (dia)"
    )
    lake.insert(TABLE, "(1, date'2026-01-01')", "(2, date'2026-01-02')", "(3, date'2026-01-02')")
    shown = ok(lake.mesh.lake("maintain", "--dry-run", TABLE))
    assert "rewrite 2 small of 3 data files" in shown
    assert (shown.count("dia=2026-01-01"), shown.count("dia=2026-01-02")) == (0, 2)
    ok(lake.mesh.lake("maintain", TABLE))
    assert len(lake.files(TABLE)) == 2
    assert lake.mesh.count(TABLE) == 3


def test_branch_of_a_finished_build_is_dropped_when_it_is_old(lake: Lake) -> None:
    _delivered(lake)
    lake.on_branch(TABLE, "build_00000001", f"insert into {TABLE} values (6, 60)")
    lake.publication(TABLE, "build_00000001", published=False, failed="unique_pedido")
    ok(lake.mesh.lake("maintain", TABLE))
    assert lake.branches(TABLE) == {"main", "build_00000001"}
    old = {"MAINTAIN_BRANCH_DAYS": "0"}
    shown = ok(lake.mesh.lake("maintain", "--dry-run", TABLE, **old))
    assert "drop branch build_00000001" in shown
    ok(lake.mesh.lake("maintain", TABLE, **old))
    assert lake.branches(TABLE) == {"main"}


def test_table_that_a_build_is_writing_is_not_compacted(lake: Lake) -> None:
    _delivered(lake)
    lake.create("prata.cliente_entregas")
    lake.insert("prata.cliente_entregas", "(1, 1)", "(2, 2)")
    lake.on_branch(TABLE, "build_00000002", f"insert into {TABLE} values (6, 60)")
    files, head = lake.files(TABLE), lake.current(TABLE)
    message = refused(lake.mesh.lake("maintain"))
    assert f"{TABLE}: not compacted: build_00000002 is of a build that may be running" in message
    assert (lake.files(TABLE), lake.current(TABLE)) == (files, head)
    assert len(lake.files("prata.cliente_entregas")) == 1
    # So the build can publish.
    lake.mesh.query(f"call lake.system.fast_forward('{TABLE}', 'main', 'build_00000002')")
    assert lake.mesh.count(TABLE) == 5


def test_table_that_fails_does_not_keep_others_from_being_maintained(lake: Lake) -> None:
    lake.create("prata.cliente_entregas")
    lake.insert("prata.cliente_entregas", "(1, 1)", "(2, 2)")
    _delivered(lake)
    lake.mesh.remove(lake.files("prata.cliente_entregas")[0])
    message = refused(lake.mesh.lake("maintain"))
    assert "error: prata.cliente_entregas: compacting failed: " in message
    assert len(lake.files(TABLE)) == 1


def test_orphans_are_removed_and_nothing_else(lake: Lake) -> None:
    _delivered(lake)
    mesh, client = lake.mesh, s3.client(lake.mesh.settings)
    before = set(mesh.files("s3a://lake/"))
    orphans = {
        "s3a://lake/warehouse/prata.db/pedido_entregas/data/stray.parquet",
        "s3a://lake/warehouse/prata.db/pedido_entregas/metadata/stray.avro",
    }
    elsewhere = {"s3a://lake/checkpoints/pedido/offsets/0", "s3a://lake/warehouse/outra/0.parquet"}
    for uri in orphans | elsewhere:
        bucket, key = s3.split_uri(uri)
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert "nothing to do" not in ok(mesh.lake("maintain", "--dry-run", TABLE))
    assert set(mesh.files("s3a://lake/")) == before | orphans | elsewhere
    young = {"MAINTAIN_ORPHAN_DAYS": "0"}
    message = refused(mesh.lake("maintain", "--dry-run", TABLE, **young))
    assert "MAINTAIN_ORPHAN_DAYS=0: a file younger than a day may belong to a commit" in message
    shown = ok(mesh.lake("maintain", "--dry-run", "--force", TABLE, **young))
    assert "remove 2 orphan files" in shown
    for uri in orphans:
        assert uri in shown
    rows = lake.rows(TABLE)
    ok(mesh.lake("maintain", "--force", TABLE, **young))
    assert set(mesh.files("s3a://lake/")) >= (before | elsewhere)
    assert not orphans & set(mesh.files("s3a://lake/"))
    assert lake.rows(TABLE) == rows
    for uri in elsewhere:
        mesh.remove(uri)


def test_orphans_are_not_looked_for_where_something_of_others_is(lake: Lake) -> None:
    _delivered(lake)
    inside = "s3a://lake/warehouse/prata.db/pedido_entregas/checkpoints"
    message = refused(lake.mesh.lake("maintain", TABLE, CHECKPOINT_URI=inside))
    assert f"{inside} is inside its location" in message


def test_unknown_table_is_refused_with_the_known_ones(lake: Lake) -> None:
    _delivered(lake)
    message = refused(lake.mesh.lake("maintain", "prata.produto"))
    assert "unknown table: prata.produto. There are: prata.pedido" in message


def test_lake_without_tables_has_nothing_to_maintain(lake: Lake) -> None:
    ok(lake.mesh.lake("maintain"))
    ok(lake.mesh.lake("maintain", "--dry-run"))


def test_help_shows_examples(lake: Lake) -> None:
    assert "malha-lake maintain --dry-run" in ok(lake.mesh.lake("maintain", "--help"))
