import json
import re

from tests.lake.conftest import Lake
from tests.mesh import free_ports, ok, refused

TABLE = "ouro.cliente_pedido"


def _line(shown: str, table: str = TABLE) -> str:
    (line,) = (line for line in shown.splitlines() if line.startswith(f"│ {table} "))
    return line


def test_lake_where_nothing_is_built(lake: Lake) -> None:
    shown = ok(lake.mesh.lake("status"))
    for table in ("prata.pedido_entregas", "ouro.cliente_pedido", "ouro.resumo_cliente"):
        assert "not built" in _line(shown, table)


def test_published_product_has_snapshot_age_rows_and_tests(lake: Lake) -> None:
    lake.create(TABLE)
    lake.insert(TABLE, "(1, 10), (2, 20)", "(3, 30)")
    lake.publication(TABLE, "build_00000001", published=True)
    line = _line(ok(lake.mesh.lake("status")))
    assert re.search(rf"│ yes +│ {lake.current(TABLE)} │ \d+ \w+ +│ +3 │ +7 of 7 │ published", line)


def test_deleted_rows_do_not_count(lake: Lake) -> None:
    lake.create(TABLE)
    lake.insert(TABLE, "(1, 10), (2, 20), (3, 30)")
    lake.mesh.execute(f"delete from {TABLE} where pedido_id = 2")
    assert re.search(r"│ +2 │ +│ built", _line(ok(lake.mesh.lake("status"))))


def test_product_that_waits_names_branch_failing_test_and_query(lake: Lake) -> None:
    lake.create(TABLE)
    lake.insert(TABLE, "(1, 10)")
    lake.on_branch(TABLE, "build_0a1b2c3d", f"insert into {TABLE} values (1, 20)")
    test, reason = "unique_cliente_pedido_pedido_id", "a test failed"
    lake.publication(TABLE, "build_0a1b2c3d", published=False, failed=test, reason=reason)
    shown = ok(lake.mesh.lake("status", "cliente_pedido"))
    assert re.search(r"│ +1 │ +7 of 8 │ waiting: build_0a1b2c3d", _line(shown))
    assert f"{TABLE} was not published by build 0a1b2c3d: {reason}" in shown
    assert f"failed: {test}" in shown
    found = re.search(r"look: +(.*)", shown)
    assert found is not None
    assert len(lake.mesh.query(found[1])) == 2


def test_corrected_delivery_ends_the_waiting(lake: Lake) -> None:
    lake.create(TABLE)
    lake.insert(TABLE, "(1, 10)")
    lake.on_branch(TABLE, "build_1", f"insert into {TABLE} values (1, 20)")
    lake.publication(TABLE, "build_1", published=False, failed="unique")
    lake.insert(TABLE, "(2, 20)")
    lake.publication(TABLE, "build_2", published=True)
    shown = ok(lake.mesh.lake("status"))
    assert re.search(r"│ +2 │ +7 of 7 │ published", _line(shown))
    assert "not published" not in shown


def test_branch_that_maintenance_has_dropped_is_not_waited_for(lake: Lake) -> None:
    lake.create(TABLE)
    lake.insert(TABLE, "(1, 10)")
    lake.on_branch(TABLE, "build_1", f"insert into {TABLE} values (1, 20)")
    lake.publication(TABLE, "build_1", published=False, failed="unique")
    ok(lake.mesh.lake("maintain", TABLE, MAINTAIN_BRANCH_DAYS="0"))
    shown = ok(lake.mesh.lake("status"))
    assert "not published" in _line(shown)
    assert "failed: unique" in shown
    assert "look:" not in shown


def test_product_of_which_nothing_has_ever_been_published_waits(lake: Lake) -> None:
    lake.create(TABLE)
    lake.mesh.execute("set spark.wap.branch=build_1", f"insert into {TABLE} values (1, 20)")
    lake.publication(TABLE, "build_1", published=False, failed="unique")
    line = _line(ok(lake.mesh.lake("status")))
    assert re.search(r"│ yes +│ +│ +│ +0 │ +7 of 8 │ waiting: build_1", line)
    ok(lake.mesh.lake("maintain"))
    assert lake.mesh.count(f"{TABLE} version as of 'build_1'") == 1


def test_product_that_was_rolled_back_is_said_to_be(lake: Lake) -> None:
    lake.create(TABLE)
    lake.insert(TABLE, "(1, 10)", "(2, 20)")
    lake.publication(TABLE, "build_1", published=True)
    ok(lake.mesh.lake("rollback", "cliente_pedido", "previous"))
    assert re.search(r"│ +1 │ +7 of 7 │ rolled back", _line(ok(lake.mesh.lake("status"))))


def test_compaction_is_no_rollback(lake: Lake) -> None:
    lake.create(TABLE)
    lake.insert(TABLE, "(1, 10)", "(2, 20)")
    lake.publication(TABLE, "build_1", published=True)
    ok(lake.mesh.lake("maintain", TABLE))
    assert re.search(r"│ +2 │ +7 of 7 │ published", _line(ok(lake.mesh.lake("status"))))


def test_services_that_do_not_answer_are_named(lake: Lake) -> None:
    port = str(free_ports(1)[0])
    message = refused(lake.mesh.lake("status", THRIFT_PORT=port))
    assert f"the Spark Thrift Server at 127.0.0.1:{port} does not answer" in message
    uri = f"thrift://127.0.0.1:{port}"
    message = refused(lake.mesh.lake("status", METASTORE_URI=uri))
    assert f"the metastore at {uri} does not answer" in message


def test_listings_are_there_for_programs_too(lake: Lake) -> None:
    lake.create(TABLE)
    lake.insert(TABLE, "(1, 10), (2, 20)")
    lake.publication(TABLE, "build_00000001", published=True)
    (found,) = json.loads(ok(lake.mesh.lake("status", "cliente_pedido", "--json")))
    assert (found["table"], found["state"], found["rows"]) == (TABLE, "published", 2)
    assert found["snapshot"] == lake.current(TABLE)
    (entry,) = json.loads(ok(lake.mesh.lake("history", "cliente_pedido", "--json")))
    assert entry["snapshot"] == lake.current(TABLE)
    assert entry["current"] is True
    assert entry["by"].startswith("dbt build")
