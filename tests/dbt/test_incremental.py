"""What the builds make of any history of deliveries is what a rebuild makes of it in the end."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mesh import WITHOUT_UNIT_TESTS, Mesh, ok

TABLES = {
    "prata.cliente_entregas": "* except (_versao)",
    "prata.pedido_entregas": "* except (_versao)",
    "ouro.cliente_pedido": "*",
    "ouro.resumo_cliente": "*",
}
# Numbers meet across deliveries, and orders name clients who are not there, or not yet.
CLIENTES = st.tuples(
    st.sampled_from(["1", "2", "3", " 4", "x", "", None]),
    st.sampled_from(["Alice", "Bob", " Carol ", " ", None]),
)
PEDIDOS = st.tuples(
    st.sampled_from(["1", "2", "3", "4", "05", "6", "?", None]),
    st.sampled_from(["1", "2", "3", "4", "5", "x", None]),
    st.sampled_from(["10.50", "7", "0.01", "0", "-1", "dez", None]),
)
CORRUPT = st.sampled_from([None, None, None, "raw,line"])


@dataclass(frozen=True)
class Delivery:
    """What one batch brings, and how long before the first of all it says that it was ingested."""

    hours: int
    clientes: list[tuple[tuple[str | None, ...], str | None]]
    pedidos: list[tuple[tuple[str | None, ...], str | None]]


DELIVERIES = st.builds(
    Delivery,
    # A clock can be behind another's: what comes later may say that it came before.
    hours=st.integers(0, 5),
    clientes=st.lists(st.tuples(CLIENTES, CORRUPT), max_size=8),
    pedidos=st.lists(st.tuples(PEDIDOS, CORRUPT), max_size=12),
)
HISTORY = st.lists(DELIVERIES, min_size=2, max_size=3)

AT_ONCE = 25
"""Histories that one mesh goes through side by side, each with keys of its own."""
HISTORIES = int(os.environ.get("HISTORIES", "50"))
"""How many in all; each group of them follows the one before on the same mesh."""


def literal(value: str | None) -> str:
    return "cast(null as string)" if value is None else f"'{value}'"


def of_history(number: int, key: str | None) -> str | None:
    """A key of one of the histories, written as it was: with blanks, zeros, or as no number."""
    if key is None or not key.strip().isdigit():
        return key
    digits = str(int(key) + 1000 * number)
    return key.replace(key.strip(), ("0" if key.strip().startswith("0") else "") + digits)


def values(delivery: Delivery, number: int, batch: int, table: str) -> list[str]:
    """The rows of a table that a delivery of one history brings, as SQL has them."""
    ingested = datetime(2026, 1, 1) - timedelta(hours=delivery.hours)
    keys = 1 if table == "cliente" else 2
    rows = delivery.clientes if table == "cliente" else delivery.pedidos
    found = []
    for fields, corrupt in rows:
        numbered = [of_history(number, key) for key in fields[:keys]] + list(fields[keys:])
        found.append(
            f"({', '.join(map(literal, numbered))}, timestamp '{ingested}', "
            f"'s3a://landing/{batch}', {batch}, {literal(corrupt)})"
        )
    return found


def deliver(mesh: Mesh, deliveries: list[tuple[int, Delivery]], batch: int) -> None:
    """Append deliveries to bronze, each table's rows in one commit."""
    for table, names in (
        ("cliente", "cliente_id, nome"),
        ("pedido", "pedido_id, cliente_id, valor"),
    ):
        rows = [row for number, one in deliveries for row in values(one, number, batch, table)]
        if rows:
            mesh.query(
                f"insert into bronze.{table} "
                f"({names}, _ingested_at, _source_file, _batch_id, _corrupt) "
                f"values {', '.join(rows)}"
            )


def rows(mesh: Mesh) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: sorted(mesh.query(f"select {columns} from {table}"), key=repr)
        for table, columns in TABLES.items()
    }


def build(mesh: Mesh, *arguments: str) -> None:
    ok(mesh.dbt("--quiet", "build", *WITHOUT_UNIT_TESTS, *arguments))


@pytest.fixture(scope="module")
def bronze(mesh: Mesh) -> Mesh:
    """The mesh with bronze tables as the ingest makes them, and nothing built."""
    mesh.begin_ingested()
    return mesh


@pytest.mark.timeout(7200)
@settings(
    max_examples=max(1, HISTORIES // AT_ONCE),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
@given(histories=st.lists(HISTORY, min_size=AT_ONCE, max_size=AT_ONCE))
def test_incremental_builds_agree_with_a_rebuild(
    bronze: Mesh, histories: list[list[Delivery]]
) -> None:
    """The batch numbers of each group begin again, so that what one leaves meets the next."""
    for table in ("cliente", "pedido"):
        bronze.query(f"delete from bronze.{table}")
    for batch in range(max(map(len, histories))):
        deliver(
            bronze,
            [(number, one[batch]) for number, one in enumerate(histories) if batch < len(one)],
            batch,
        )
        build(bronze)
    incremental = rows(bronze)

    build(bronze, "--full-refresh")
    assert incremental == rows(bronze)
