"""The benchmark's deliveries: what is in them, and what ouro has to have of them."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from bench.data import Delivery, generate, map_base, map_increment

Rows = list[list[str]]


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Delivery, Delivery]:
    folder = tmp_path_factory.mktemp("tpch")
    generate(0.001, folder)
    base = map_base(folder, folder / "base")
    return base, map_increment(folder, folder / "increment", base)


def read(path: Path) -> tuple[list[str], Rows]:
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def test_base_has_all_orders_and_customers(deliveries: tuple[Delivery, Delivery]) -> None:
    base, _ = deliveries
    pedido_header, pedidos = read(base.folder / "pedidos/pedido/1.csv")
    cliente_header, clientes = read(base.folder / "clientes/cliente/1.csv")
    assert pedido_header == ["pedido_id", "cliente_id", "valor"]
    assert cliente_header == ["cliente_id", "nome"]
    assert (len(pedidos), len(clientes)) == (1500, 150)
    assert base.rows == 1650
    assert {client for _, client, _ in pedidos} <= {number for number, _ in clientes}


def test_increment_is_one_per_cent_half_new_half_corrected(
    deliveries: tuple[Delivery, Delivery],
) -> None:
    base, increment = deliveries
    _, pedidos = read(increment.folder / "pedidos/pedido/2.csv")
    _, clientes = read(increment.folder / "clientes/cliente/2.csv")
    known = {row[0] for row in read(base.folder / "pedidos/pedido/1.csv")[1]}
    known_clientes = {row[0] for row in read(base.folder / "clientes/cliente/1.csv")[1]}
    assert [row[0] in known for row in pedidos] == [False, True] * 7 + [False]
    assert [row[0] in known_clientes for row in clientes] == [False, True]
    assert increment.rows == len(pedidos) + len(clientes)


def test_expected_result_is_the_last_delivery_of_each_order(
    deliveries: tuple[Delivery, Delivery],
) -> None:
    base, increment = deliveries
    last = {row[0]: row[2] for row in read(base.folder / "pedidos/pedido/1.csv")[1]}
    assert (base.orders, base.total) == (len(last), sum(map(Decimal, last.values())))
    last |= {row[0]: row[2] for row in read(increment.folder / "pedidos/pedido/2.csv")[1]}
    assert (increment.orders, increment.total) == (len(last), sum(map(Decimal, last.values())))
