import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from api.queries import render, rows_of
from malha.manifest import Column, Product


def product(*columns: tuple[str, str]) -> Product:
    return Product(
        name="cliente_pedido",
        schema_name="ouro",
        table="cliente_pedido",
        description="",
        owner="",
        columns=tuple(Column(name=name, data_type=kind, description="") for name, kind in columns),
        primary_key=(columns[0][0],),
        lookup=None,
    )


def test_contracted_columns_are_selected_in_the_order_of_the_key() -> None:
    query = rows_of(product(("pedido_id", "bigint"), ("nome", "string")), limit=10)
    assert render(query) == (
        "SELECT `pedido_id`, `nome` FROM `ouro`.`cliente_pedido` ORDER BY `pedido_id` LIMIT 10"
    )


@pytest.mark.parametrize(
    ("kind", "value", "literal"),
    [
        ("bigint", 1, "CAST(1 AS BIGINT)"),
        ("bigint", -1, "CAST(-1 AS BIGINT)"),
        ("decimal(18,2)", Decimal("1.50"), "CAST(1.50 AS DECIMAL(18, 2))"),
        ("string", "Alice", "CAST('Alice' AS STRING)"),
        ("date", dt.date(2026, 1, 31), "CAST(CAST('2026-01-31' AS DATE) AS DATE)"),
    ],
)
def test_value_becomes_a_literal_of_the_columns_type(kind: str, value: Any, literal: str) -> None:
    served = product(("valor", kind))
    query = rows_of(served, limit=1, equal={served.columns[0]: value})
    assert f"WHERE `valor` = {literal} ORDER" in render(query)


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("D'Ávila", "'D\\'Ávila'"),
        ("' or 1=1 --", "'\\' or 1=1 --'"),
        ("\\' or 1=1 --", "'\\\\\\' or 1=1 --'"),
        ("${env:AWS_SECRET_ACCESS_KEY}", "'\\u0024{env:AWS_SECRET_ACCESS_KEY}'"),
        ("a`; drop table x; --", "'a`; drop table x; --'"),
    ],
)
def test_text_stays_inside_its_literal(value: str, literal: str) -> None:
    served = product(("nome", "string"))
    query = rows_of(served, limit=1, equal={served.columns[0]: value})
    assert f"CAST({literal} AS STRING)" in render(query)
