"""Rows as JSON, and their schema for OpenAPI."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
from fastapi import Response
from pydantic import BaseModel, Field, create_model
from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.expressions.datatypes import DType

from api.engine import Rows
from malha.errors import ManifestError
from malha.manifest import Column, Product

_TYPES: dict[DType, tuple[Any, Any]] = {
    # contract's type: Python's type, example
    DType.BOOLEAN: (bool, True),
    DType.TINYINT: (int, 1),
    DType.SMALLINT: (int, 1),
    DType.INT: (int, 1),
    DType.BIGINT: (int, 1),
    DType.FLOAT: (float, 1.5),
    DType.DOUBLE: (float, 1.5),
    DType.DECIMAL: (Decimal, 200.00),
    DType.TEXT: (str, "Alice"),
    DType.VARCHAR: (str, "Alice"),
    DType.CHAR: (str, "Alice"),
    DType.DATE: (dt.date, "2026-01-31"),
    DType.TIMESTAMP: (dt.datetime, "2026-01-31T12:00:00Z"),
    DType.TIMESTAMPTZ: (dt.datetime, "2026-01-31T12:00:00Z"),
}

_INTEGER_BITS = {
    DType.TINYINT: 8,
    DType.SMALLINT: 16,
    DType.INT: 32,
    DType.BIGINT: 64,
}

# A decimal is a JSON number with all its digits: 200.00 stays 200.00.
_encoder = msgspec.json.Encoder(decimal_format="number")


def python_type(column: Column) -> Any:
    """The Python type of a column's values, with the bounds that its SQL type has.

    Raises:
        ManifestError: the API does not know the column's type.
    """
    try:
        sql_type = _sql_type(column)
    except ParseError:
        sql_type = None
    if sql_type not in _TYPES:
        known = ", ".join(sorted(kind.value.lower() for kind in _TYPES))
        raise ManifestError(
            f"column {column.name} has the type {column.data_type}; the API serves {known}"
        )
    return _TYPES[sql_type][0]


def _sql_type(column: Column) -> Any:
    return exp.DataType.build(column.data_type, dialect="spark").this


def bounds(column: Column) -> dict[str, Any]:
    """The least and greatest value of an integer column, as arguments of a pydantic field."""
    bits = _INTEGER_BITS.get(_sql_type(column))
    return {"ge": -(2 ** (bits - 1)), "le": 2 ** (bits - 1) - 1} if bits else {}


def row_model(product: Product) -> type[BaseModel]:
    """A model of one row, for OpenAPI."""
    fields: dict[str, Any] = {}
    for number, column in enumerate(product.columns):
        kind = python_type(column)
        # The schema says what JSON carries, and that is a number.
        shown = float if kind is Decimal else kind
        example = _TYPES[_sql_type(column)][1]
        # A column may have a name that pydantic keeps for itself, such as one that begins with _.
        fields[f"column_{number}"] = (
            shown | None,
            Field(None, alias=column.name, description=column.description, examples=[example]),
        )
    return create_model(product.name, **fields)


def as_json(result: Rows) -> Response:
    """A JSON array with an object a row."""
    body = _encoder.encode(
        [
            {name: _zoned(value) for name, value in zip(result.columns, row, strict=True)}
            for row in result.rows
        ]
    )
    return Response(body, media_type="application/json")


def _zoned(value: Any) -> Any:
    """Give a timestamp its zone: sessions are in UTC."""
    return value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value
