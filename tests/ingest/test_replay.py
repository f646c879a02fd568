"""`malha-ingest --replay`: landed files read again, in place of their rows."""

from datetime import UTC, datetime, timedelta

import pytest

from tests import states
from tests.mesh import Mesh, ok, refused

ROWS = "select cliente_id, nome, _ingested_at, _source_file from bronze.cliente order by 1, 2, 4"
HEADER = "cliente_id,nome\n"


@pytest.fixture(scope="module")
def two_runs(mesh: Mesh) -> states.State:
    """A file with a row twice and one with an odd name, then a correction."""
    mesh.begin_empty()
    mesh.put("clientes/cliente/a.csv", f"{HEADER}1,Alice\n1,Alice\n2,Bob\n")
    mesh.put("clientes/cliente/dia 2/é [b] 100%20.csv", f"{HEADER}3,Carol\n")
    ok(mesh.ingest("cliente"))
    mesh.put("clientes/cliente/c.csv", f"{HEADER}1,Alícia\n")
    ok(mesh.ingest("cliente"))
    return states.keep(mesh.settings)


@pytest.fixture
def delivered(mesh: Mesh, two_runs: states.State) -> Mesh:
    """The stack with these two runs in bronze."""
    states.put_back(two_runs, mesh.settings)
    return mesh


def batch_ids(mesh: Mesh) -> set[int]:
    return {row[0] for row in mesh.query("select distinct _batch_id from bronze.cliente")}


def test_file_with_a_name_like_a_pattern_is_read_once_and_so_are_those_beside_it(
    delivered: Mesh,
) -> None:
    names = delivered.query("select nome from bronze.cliente order by cliente_id, nome")
    assert names == [("Alice",), ("Alice",), ("Alícia",), ("Bob",), ("Carol",)]


def test_batches_are_numbered_in_the_order_of_their_commits(delivered: Mesh) -> None:
    assert batch_ids(delivered) == {1, 2}


def test_replay_leaves_the_same_rows_under_a_new_number(delivered: Mesh) -> None:
    before = delivered.query(ROWS)
    # What a replay that was killed leaves behind.
    delivered.query("alter table bronze.cliente create branch malha_replay")
    delivered.query("delete from bronze.cliente.branch_malha_replay where cliente_id = '1'")
    shown = ok(delivered.ingest("--replay", "cliente"))
    assert "next: dbt build --full-refresh --select source:bronze.cliente+" in shown
    assert delivered.query(ROWS) == before
    assert batch_ids(delivered) == {3}
    refs = delivered.query("select name from bronze.cliente.refs")
    assert refs == [("main",)]


def test_run_after_a_replay_ingests_what_is_new_and_nothing_else(delivered: Mesh) -> None:
    ok(delivered.ingest("--replay", "cliente"))
    before = delivered.count("bronze.cliente")
    delivered.put("clientes/cliente/d.csv", f"{HEADER}4,Dora\n")
    ok(delivered.ingest("cliente"))
    assert delivered.count("bronze.cliente") == before + 1
    assert batch_ids(delivered) == {3, 4}


def test_file_that_cannot_be_accepted_leaves_bronze_alone(delivered: Mesh) -> None:
    before = delivered.query(ROWS)
    delivered.put("clientes/cliente/a.csv", "cliente_id\n1\n")
    message = refused(delivered.ingest("--replay", "cliente"))
    assert "a.csv: it lacks nome" in message
    assert delivered.query(ROWS) == before


def test_file_that_is_gone_keeps_its_rows_and_a_changed_one_has_its_new_ones(
    delivered: Mesh,
) -> None:
    first = delivered.query("select min(_ingested_at) from bronze.cliente where nome = 'Bob'")
    delivered.remove("s3a://landing/clientes/cliente/c.csv")
    delivered.put("clientes/cliente/a.csv", f"{HEADER}2,Roberto\n")
    delivered.put("clientes/cliente/e.csv", f"{HEADER}5,Eva\n")  # a run's business, not a replay's
    result = delivered.ingest("--replay", "cliente")
    ok(result)
    assert "1 files are no longer in the landing area, as s3a://landing/clientes/cliente/c.csv" in (
        result.stderr
    )
    names = delivered.query("select nome from bronze.cliente order by cliente_id")
    assert names == [("Alícia",), ("Roberto",), ("Carol",)]
    query = "select _ingested_at from bronze.cliente where nome = 'Roberto'"
    assert delivered.query(query) == first


def test_since_a_later_day_there_is_nothing_to_replay(delivered: Mesh) -> None:
    before = batch_ids(delivered)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    ok(delivered.ingest("--replay", "cliente", "--since", str(tomorrow)))
    assert batch_ids(delivered) == before


def test_since_takes_the_day_itself(delivered: Mesh) -> None:
    day = delivered.query("select date(min(_ingested_at)) from bronze.cliente")[0][0]
    rows = delivered.count("bronze.cliente")
    ok(delivered.ingest("--replay", "cliente", "--since", str(day)))
    newest = max(batch_ids(delivered))
    assert delivered.count(f"bronze.cliente where _batch_id = {newest}") == rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--replay"], "name the sources to replay"),
        (["--since", "2026-01-05"], "it is for --replay only"),
        (["--replay", "cliente", "--since", "ontem"], "does not match the format"),
    ],
)
def test_wrong_usage_is_named(mesh: Mesh, arguments: list[str], message: str) -> None:
    assert message in refused(mesh.ingest(*arguments), code=2)


def test_source_without_a_table_cannot_be_replayed(delivered: Mesh) -> None:
    assert "source pedido has no table to replay into" in refused(
        delivered.ingest("--replay", "pedido")
    )
