"""What the builds make of any history of deliveries is what a rebuild makes of it in the end."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.mesh import Mesh, ok

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


@pytest.fixture(scope="module")
def bronze(fresh: Mesh) -> Mesh:
    """The mesh with bronze tables as the ingest makes them, and nothing in them."""
    ok(fresh.stack("land", "data/samples/minimo"))
    ok(fresh.ingest())
    return fresh


def literal(value: str | None) -> str:
    return "cast(null as string)" if value is None else f"'{value}'"


def deliver(mesh: Mesh, delivery: Delivery, batch: int) -> None:
    """Append the delivery to bronze, each table's rows in one commit."""
    ingested = datetime(2026, 1, 1) - timedelta(hours=delivery.hours)
    for table, names, rows in (
        ("cliente", "cliente_id, nome", delivery.clientes),
        ("pedido", "pedido_id, cliente_id, valor", delivery.pedidos),
    ):
        values = [
            f"({', '.join(map(literal, fields))}, timestamp '{ingested}', 's3a://landing/{batch}', "
            f"{batch}, {literal(corrupt)})"
            for fields, corrupt in rows
        ]
        if values:
            mesh.query(
                f"insert into bronze.{table} "
                f"({names}, _ingested_at, _source_file, _batch_id, _corrupt) "
                f"values {', '.join(values)}"
            )


def rows(mesh: Mesh) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: sorted(mesh.query(f"select {columns} from {table}"), key=repr)
        for table, columns in TABLES.items()
    }


def build(mesh: Mesh, *arguments: str) -> None:
    ok(mesh.dbt("--quiet", "build", "--exclude-resource-type", "unit_test", *arguments))


@settings(
    max_examples=int(os.environ.get("HISTORIES", "3")),
    deadline=None,
    database=None,
    # A build takes seconds, so a history that fails is shown as it is.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
@given(history=HISTORY)
def test_incremental_builds_agree_with_a_rebuild(bronze: Mesh, history: list[Delivery]) -> None:
    for table in ("cliente", "pedido"):
        bronze.query(f"delete from bronze.{table}")
    for batch, delivery in enumerate(history):
        deliver(bronze, delivery, batch)
        build(bronze)
    incremental = rows(bronze)

    build(bronze, "--full-refresh")
    assert incremental == rows(bronze)
