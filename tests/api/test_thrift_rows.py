"""Columns of the Thrift Server as Arrow."""

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from TCLIService import ttypes

from api.thrift_rows import batches
from malha.hive import StatementFailedError

UTC = pa.timestamp("us", tz="UTC")
KINDS = {
    "bool": (ttypes.TColumn, "boolVal", ttypes.TBoolColumn),
    "byte": (ttypes.TColumn, "byteVal", ttypes.TByteColumn),
    "i16": (ttypes.TColumn, "i16Val", ttypes.TI16Column),
    "i32": (ttypes.TColumn, "i32Val", ttypes.TI32Column),
    "i64": (ttypes.TColumn, "i64Val", ttypes.TI64Column),
    "double": (ttypes.TColumn, "doubleVal", ttypes.TDoubleColumn),
    "string": (ttypes.TColumn, "stringVal", ttypes.TStringColumn),
}


def column(kind: str, values: list[Any], nulls: bytes = b"") -> Any:
    made, name, of = KINDS[kind]
    return made(**{name: of(values=values, nulls=nulls)})


def cursor(*parts: list[Any], status: int = ttypes.TStatusCode.SUCCESS_STATUS) -> Any:
    """A cursor whose server answers one fetch after the other."""
    left = list(parts)

    def fetch(request: Any) -> Any:
        assert request.maxRows == 100
        return SimpleNamespace(
            status=SimpleNamespace(statusCode=status, errorMessage="it broke"),
            results=SimpleNamespace(columns=left.pop(0)),
        )

    client = SimpleNamespace(FetchResults=fetch)
    return SimpleNamespace(
        _connection=SimpleNamespace(client=client), _operationHandle=ttypes.TOperationHandle()
    )


def read(kind: str, wanted: pa.DataType, values: list[Any], nulls: bytes = b"") -> list[Any]:
    schema = pa.schema([pa.field("c", wanted)])
    found = list(batches(cursor([column(kind, values, nulls)], [column(kind, [])]), schema, 100))
    assert [batch.schema for batch in found] == [schema]
    return found[0].column(0).to_pylist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("kind", "wanted", "values", "expected"),
    [
        ("bool", pa.bool_(), [True, False], [True, False]),
        ("byte", pa.int8(), [-128, 127], [-128, 127]),
        ("i16", pa.int16(), [-32768], [-32768]),
        ("i32", pa.int32(), [2**31 - 1], [2**31 - 1]),
        ("i64", pa.int64(), [-(2**63), 2**63 - 1], [-(2**63), 2**63 - 1]),
        ("i32", pa.int64(), [1], [1]),
        ("double", pa.float64(), [0.1, float("inf")], [0.1, float("inf")]),
        ("double", pa.float32(), [1.5], [1.5]),
        ("string", pa.string(), ["", "é 😀"], ["", "é 😀"]),
        (
            "string",
            pa.decimal128(18, 2),
            ["200.00", "-0.01"],
            [Decimal("200.00"), Decimal("-0.01")],
        ),
        ("string", pa.decimal128(38, 10), ["1E-10", "0E-10"], [Decimal("1E-10"), Decimal("0E-10")]),
        ("string", pa.decimal128(38, 0), ["9" * 38], [Decimal("9" * 38)]),
        ("string", pa.int64(), ["12"], [12]),
        ("string", pa.date32(), ["2026-01-31", "0001-01-01"], [dt.date(2026, 1, 31), dt.date.min]),
        (
            "string",
            UTC,
            ["2026-01-31 12:00:00", "2026-01-31 12:00:00.5", "0001-01-01 00:00:00.000001"],
            [
                dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC),
                dt.datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=dt.UTC),
                dt.datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC),
            ],
        ),
    ],
)
def test_values_become_those_of_the_contracts_type(
    kind: str, wanted: pa.DataType, values: list[Any], expected: list[Any]
) -> None:
    assert read(kind, wanted, values) == expected


@pytest.mark.parametrize(
    ("kind", "wanted", "filler", "value"),
    [
        ("i64", pa.int64(), 0, 7),
        ("string", pa.string(), "", "x"),
        ("string", pa.date32(), "", "2026-01-31"),
        ("string", UTC, "", "2026-01-31 00:00:00"),
        ("string", pa.decimal128(18, 2), "", "1.50"),
        ("double", pa.float64(), 0.0, 1.5),
        ("bool", pa.bool_(), True, False),
    ],
)
def test_null_is_where_its_bit_is(kind: str, wanted: pa.DataType, filler: Any, value: Any) -> None:
    # The ninth row's bit is in the second byte; bytes that are not sent are without nulls.
    found = read(kind, wanted, [filler, *[value] * 7, filler, value], b"\x01\x01")
    assert [one is None for one in found] == [True, *[False] * 7, True, False]
    assert [one is None for one in read(kind, wanted, [value] * 20, b"\x00")] == [False] * 20


def test_column_of_nulls_alone_has_its_type() -> None:
    assert read("string", pa.decimal128(18, 2), ["", ""], b"\x03") == [None, None]


def test_rows_come_until_a_fetch_has_none() -> None:
    schema = pa.schema([pa.field("a", pa.int32()), pa.field("b", pa.string())])
    parts = [[column("i32", [n]), column("string", [str(n)])] for n in (1, 2)]
    end = [column("i32", []), column("string", [])]
    found = [batch.to_pylist() for batch in batches(cursor(*parts, end), schema, 100)]
    assert found == [[{"a": 1, "b": "1"}], [{"a": 2, "b": "2"}]]


def test_rows_that_cannot_be_made_are_the_statements_fault() -> None:
    broken = cursor([column("i32", [1])], status=ttypes.TStatusCode.ERROR_STATUS)
    with pytest.raises(StatementFailedError, match="it broke"):
        list(batches(broken, pa.schema([pa.field("a", pa.int32())]), 100))
