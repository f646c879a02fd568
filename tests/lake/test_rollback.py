from datetime import UTC, datetime

import pytest

from lake.rollback import target
from lake.tables import Metadata, Ref, Snapshot, Version
from tests.lake.conftest import Lake
from tests.mesh import ok, refused

TABLE = "ouro.cliente_pedido"


def _replaced(lake: Lake, *values: int) -> list[int]:
    """Build a product anew for each of these values, as dbt's tables are; return the snapshots."""
    for value in values:
        lake.mesh.execute(
            f"create or replace table {TABLE} using iceberg as "
            f"select explode(sequence(1, {value})) as pedido_id, {value} as valor"
        )
    rows = lake.mesh.query(f"select snapshot_id from {TABLE}.history order by made_current_at")
    return [row[0] for row in rows][-len(values) :]


def test_product_goes_back_to_a_snapshot_and_says_so(lake: Lake) -> None:
    first, second, third = _replaced(lake, 1, 2, 3)
    shown = ok(lake.mesh.lake("rollback", "cliente_pedido", str(first)))
    assert f"ouro.cliente_pedido: snapshot {third} → {first}" in shown
    assert "3 → 1 rows" in shown
    assert lake.rows(TABLE) == [(1, 1)]
    shown = ok(lake.mesh.lake("rollback", TABLE, str(second)))
    assert "1 → 2 rows" in shown
    assert lake.rows(TABLE) == [(1, 2), (2, 2)]


def test_previous_goes_back_by_one_each_time_until_the_first(lake: Lake) -> None:
    first, second, _ = _replaced(lake, 1, 2, 3)
    ok(lake.mesh.lake("rollback", "cliente_pedido", "previous"))
    assert lake.current(TABLE) == second
    ok(lake.mesh.lake("rollback", "cliente_pedido", "previous"))
    assert lake.current(TABLE) == first
    assert "cannot be put back to 'previous'" in refused(
        lake.mesh.lake("rollback", "cliente_pedido", "previous")
    )


def test_previous_goes_back_over_a_compaction(lake: Lake) -> None:
    lake.create(TABLE)
    lake.insert(TABLE, "(1, 10)", "(2, 20)")
    first, second = lake.snapshots(TABLE)
    ok(lake.mesh.lake("maintain", TABLE))
    assert lake.current(TABLE) not in (first, second)
    ok(lake.mesh.lake("rollback", "cliente_pedido", "previous"))
    assert lake.current(TABLE) == first


def test_moment_is_the_state_of_that_time(lake: Lake) -> None:
    first, _, _ = _replaced(lake, 1, 2, 3)
    ((since,),) = lake.mesh.query(
        f"select max(made_current_at) from {TABLE}.history where snapshot_id = {first}"
    )
    ok(lake.mesh.lake("rollback", "cliente_pedido", since.isoformat()))
    assert lake.current(TABLE) == first


def test_branch_that_waits_is_still_there_after_a_rollback(lake: Lake) -> None:
    lake.create(TABLE)
    lake.insert(TABLE, "(1, 10)", "(2, 20)")
    lake.on_branch(TABLE, "build_1", f"insert into {TABLE} values (3, 30)")
    ok(lake.mesh.lake("rollback", "cliente_pedido", "previous"))
    assert lake.mesh.count(TABLE) == 1
    assert lake.mesh.count(f"{TABLE} version as of 'build_1'") == 3


@pytest.mark.parametrize("to", ["1234567890", "2001-01-01", "amanha"])
def test_what_it_was_never_at_is_refused(lake: Lake, to: str) -> None:
    first, second = _replaced(lake, 1, 2)
    message = refused(lake.mesh.lake("rollback", "cliente_pedido", to))
    assert to in message
    if to != "amanha":
        assert f"{first}  " in message
        assert f"{second}  " in message
    assert lake.current(TABLE) == second


def test_product_that_is_not_built_is_refused(lake: Lake) -> None:
    message = refused(lake.mesh.lake("rollback", "cliente_pedido", "previous"))
    assert "ouro.cliente_pedido has not been built yet: run `dbt build`" in message


def test_unknown_product_is_refused_with_the_known_ones(lake: Lake) -> None:
    message = refused(lake.mesh.lake("rollback", "produto", "previous"))
    assert "unknown table: produto. There are: " in message
    assert "ouro.cliente_pedido, ouro.resumo_cliente" in message
    # Its checkpoint would stay where it is, and rows be lost.
    assert "bronze" not in message


def test_history_says_who_published(lake: Lake) -> None:
    lake.create(TABLE)
    lake.insert(TABLE, "(1, 10)")
    lake.publication(TABLE, "build_0a1b2c3d", published=True)
    lake.insert(TABLE, "(2, 20)")
    ok(lake.mesh.lake("maintain", TABLE))
    shown = ok(lake.mesh.lake("history", "cliente_pedido")).splitlines()
    lines = [line for line in shown if line.startswith("│")]
    for number, line in zip(lake.snapshots(TABLE), lines[::-1], strict=True):
        assert str(number) in line
    assert "compaction" in lines[0]
    assert "current" in lines[0]
    assert "dbt build 0a1b2c3d" in lines[2]


def test_moment_whose_snapshot_has_expired_is_not_answered_with_another() -> None:
    times = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    kept = {n: Snapshot(n, None, times[n - 1], "append", 1, False) for n in (1, 3)}
    versions = [Version(n, times[n - 1], None) for n in (1, 2, 3)]
    metadata = Metadata(kept, {"main": Ref("main", True, 3)}, versions)
    assert target(metadata, "2026-01-02T12:00:00") is None
    assert target(metadata, "2026-01-01T12:00:00") == kept[1]
    assert target(metadata, "2026-01-04") == kept[3]
