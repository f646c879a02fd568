"""Products, questions and a small table for tests that need no service."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from api import parameters, queries
from api.access import EVERYTHING
from api.columns import kind
from api.query import Query
from malha.manifest import Column, Product

TYPES = {
    "id": "bigint",
    "tiny": "tinyint",
    "small": "smallint",
    "whole": "int",
    "big": "bigint",
    "single": "float",
    "double": "double",
    "money": "decimal(18,2)",
    "exact": "decimal(38,10)",
    "name": "string",
    "flag": "boolean",
    "day": "date",
    "moment": "timestamp",
}
"""A column of every type that the API serves."""


def column(name: str, data_type: str) -> Column:
    """A column of a contract."""
    return Column(name=name, data_type=data_type, description=f"The {name}.")


def product(
    types: dict[str, str] | None = None,
    *,
    key: Iterable[str] = ("id",),
    lookup: str | None = None,
    **more: Any,
) -> Product:
    """A product of these columns; of all types where nothing is said."""
    columns = {name: column(name, data_type) for name, data_type in (types or TYPES).items()}
    named = {"name": "thing", "base_name": "thing", "table": "thing"} | more
    return Product(
        **{"schema_name": "ouro", "description": "A thing.", "owner": "Things"} | named,
        columns=tuple(columns.values()),
        primary_key=tuple(key),
        lookup=columns[lookup] if lookup else None,
    )


def query(text: str = "", of: Product | None = None, key: str | None = None) -> Query:
    """The query that a query string makes."""
    return parameters.read(of or product(), text, key).query


def spark(asked: Query, **more: Any) -> str:
    """A query as Spark SQL, of the table as it is now."""
    rights = more.get("rights", EVERYTHING)
    return queries.for_spark(
        queries.rows_of(asked, queries.stored(asked.product, more.get("snapshot")), rights)
    )


def rows(*values: tuple[Any, ...]) -> pa.Table:
    """A table of the product of all types."""
    schema = pa.schema([pa.field(name, kind(column(name, of)).arrow) for name, of in TYPES.items()])
    columns = list(zip(*values, strict=True)) or [() for _ in schema]
    arrays = [pa.array(one, field.type) for one, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


MOMENT = dt.datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=dt.UTC)

SOME = rows(
    (
        *(1, 127, -32768, 2**31 - 1, -(2**63), 1.5, 0.1),
        *(Decimal("200.00"), Decimal("1234567890123456789012345678.0123456789")),
        *('D\'Ávila, "o", 中文 😀\nsegunda linha', True, dt.date(2026, 1, 31), MOMENT),
    ),
    (
        *(2, 0, 0, 0, 0, float("nan"), float("-inf")),
        *(Decimal("-0.01"), Decimal("0.0000000001")),
        *("", False, dt.date(1582, 10, 15), dt.datetime(1, 1, 1, tzinfo=dt.UTC)),
    ),
    (3, *(None for _ in range(len(TYPES) - 1))),
)
