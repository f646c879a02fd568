"""Orders and customers of TPC-H as deliveries of `pedido` and `cliente`, and what comes of them.

Source: TPC Benchmark H, tables ORDERS (1 500 000 rows times the scale) and CUSTOMER (150 000).
"""

import csv
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

_PEDIDO = ("o_orderkey", "o_custkey", "o_totalprice")
_CLIENTE = ("c_custkey", "c_name")
_SHARE = 100
"""One row in so many is delivered again, or more, by the increment."""


@dataclass(frozen=True)
class Delivery:
    """A folder laid out as `<domain>/<table>/…`, and what ouro has once it is in."""

    folder: Path
    rows: int
    """Rows in its files, of both tables."""
    orders: int
    """Rows of ouro.cliente_pedido."""
    total: Decimal
    """Sum of their values."""


def generate(scale: float, folder: Path) -> None:
    """Write TPC-H's orders.csv and customer.csv; the same scale gives the same files."""
    subprocess.run(
        [
            f"{sys.prefix}/bin/tpchgen-cli",
            "csv",
            f"--scale-factor={scale}",
            "--tables=orders,customer",
            f"--output-dir={folder}",
            "--quiet",
        ],
        check=True,
    )


def map_base(tpch: Path, folder: Path) -> Delivery:
    """All orders and customers, as one file a table."""
    orders, total = 0, Decimal(0)
    with _Table(folder, "pedidos/pedido/1.csv", ("pedido_id", "cliente_id", "valor")) as pedido:
        for row in _read(tpch / "orders.csv", _PEDIDO):
            pedido.write(row)
            orders += 1
            total += Decimal(row[2])
    with _Table(folder, "clientes/cliente/1.csv", ("cliente_id", "nome")) as cliente:
        for row in _read(tpch / "customer.csv", _CLIENTE):
            cliente.write(row)
    return Delivery(folder, pedido.rows + cliente.rows, orders, total)


def map_increment(tpch: Path, folder: Path, base: Delivery) -> Delivery:
    """One per cent more: by turns an order that is new and an old one corrected; clients likewise.

    A correction adds one real to an order's value, a new order has the client and value of an old
    one. Half of the clients are new, half have another name.
    """
    orders, total = base.orders, base.total
    with _Table(folder, "pedidos/pedido/2.csv", ("pedido_id", "cliente_id", "valor")) as pedido:
        first_free = 1 + max(int(row[0]) for row in _read(tpch / "orders.csv", _PEDIDO))
        for number, row in enumerate(_read(tpch / "orders.csv", _PEDIDO)):
            if number % _SHARE:
                continue
            if number // _SHARE % 2:
                pedido.write([row[0], row[1], str(Decimal(row[2]) + 1)])
                total += 1
            else:
                pedido.write([str(first_free + number), row[1], row[2]])
                orders += 1
                total += Decimal(row[2])
    with _Table(folder, "clientes/cliente/2.csv", ("cliente_id", "nome")) as cliente:
        first_free = 1 + max(int(row[0]) for row in _read(tpch / "customer.csv", _CLIENTE))
        for number, row in enumerate(_read(tpch / "customer.csv", _CLIENTE)):
            if number % _SHARE:
                continue
            if number // _SHARE % 2:
                cliente.write([row[0], f"{row[1]} renamed"])
            else:
                cliente.write([str(first_free + number), f"{row[1]} new"])
    return Delivery(folder, pedido.rows + cliente.rows, orders, total)


def _read(path: Path, columns: tuple[str, ...]) -> Iterator[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader)
        places = [header.index(column) for column in columns]
        for row in reader:
            yield [row[place] for place in places]


class _Table:
    """A CSV file that counts its rows."""

    def __init__(self, folder: Path, name: str, header: tuple[str, ...]) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.rows = 0
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(header)

    def write(self, row: list[str]) -> None:
        self._writer.writerow(row)
        self.rows += 1

    def __enter__(self) -> "_Table":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
