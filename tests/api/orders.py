"""The smallest case's product, cliente_pedido, made by SQL: what most questions are about."""

import re
from decimal import Decimal
from itertools import count
from typing import Any

import httpx

from tests.api.running import Running, rows_of
from tests.mesh import Mesh, eventually

PATH = "/api/cliente-pedido"

ROWS: list[dict[str, Any]] = [
    {"pedido_id": 1, "cliente_id": 1, "nome": "Alice", "valor": Decimal("200.00")},
    {"pedido_id": 2, "cliente_id": 2, "nome": "Bob", "valor": Decimal("150.00")},
    {"pedido_id": 3, "cliente_id": 1, "nome": "Alice", "valor": Decimal("350.00")},
]

_SMALLEST = (
    "insert {} ouro.cliente_pedido values "
    "(1, 1, 'Alice', 200.00), (2, 2, 'Bob', 150.00), (3, 1, 'Alice', 350.00)"
)

_ANSWERED = re.compile(r'malha_api_answers_total{product="cliente_pedido",source="tier"} ([\d.]+)')

_numbers = count(1)


def create(mesh: Mesh) -> None:
    """Make the table anew, with its rows."""
    mesh.execute(
        "create schema if not exists ouro",
        "drop table if exists ouro.cliente_pedido",
        "create table ouro.cliente_pedido "
        "(pedido_id bigint, cliente_id bigint, nome string, valor decimal(18,2)) using iceberg",
        _SMALLEST.format("into"),
    )


def write_again(mesh: Mesh) -> None:
    """Let the table have its rows again, and no others."""
    mesh.query(_SMALLEST.format("overwrite"))


def drop(mesh: Mesh) -> None:
    """Take the table away."""
    mesh.query("drop table ouro.cliente_pedido purge")


def of_all() -> dict[str, Any]:
    """Parameters of all rows, by which nobody has asked before, so that no cache has the answer."""
    return {"pedido_id__ne": -next(_numbers)}


def ask_anew(api: Running, request_id: str = "") -> httpx.Response:
    """All rows, by a question that no cache has the answer to."""
    headers = {"x-request-id": request_id} if request_id else None
    answer: httpx.Response = api.get(PATH, headers, **of_all())
    return answer


def await_rows(api: Running) -> None:
    """Wait until the API has seen that the table has its rows, and has them in memory if ever."""

    def seen() -> bool:
        answer = api.get(PATH)
        return answer.status_code == httpx.codes.OK and rows_of(answer) == ROWS

    eventually(seen, seconds=60)
    if api.in_memory:
        await_memory(api)


def await_memory(api: Running) -> None:
    """Wait until the product is answered from memory, as the metrics say."""

    def answered() -> float:
        found = _ANSWERED.search(api.client.get("/metrics").text)
        return float(found[1]) if found else 0

    def there() -> bool:
        before = answered()
        ask_anew(api)
        return answered() > before

    eventually(there, seconds=60)
