"""What a text of a request stands for, by the column's type."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from api import columns
from api.columns import kind
from malha.errors import ManifestError
from tests.api.support import column, product


def parsed(data_type: str, text: str) -> Any:
    return kind(column("c", data_type)).parse(text)


@pytest.mark.parametrize(
    ("data_type", "text", "value"),
    [
        ("tinyint", "-128", -128),
        ("smallint", "+7", 7),
        ("int", "2147483647", 2**31 - 1),
        ("bigint", "-9223372036854775808", -(2**63)),
        ("bigint", "007", 7),
        ("float", "1.5e3", 1500.0),
        ("float", "3.4e38", 3.4e38),
        ("double", "-0.0", 0.0),
        ("double", ".5", 0.5),
        ("decimal(18,2)", "200", Decimal("200.00")),
        ("decimal(18,2)", "2e2", Decimal("200.00")),
        ("decimal(38,10)", "1" * 28, Decimal("1" * 28 + ".0000000000")),
        ("decimal(38,10)", "9" * 28 + "." + "9" * 10, Decimal("9" * 28 + "." + "9" * 10)),
        ("decimal(38,0)", "9" * 38, Decimal("9" * 38)),
        ("decimal", "12", Decimal(12)),
        ("string", "", ""),
        ("varchar(20)", "D'Ávila", "D'Ávila"),
        ("boolean", "true", True),
        ("date", "2024-02-29", dt.date(2024, 2, 29)),
        ("timestamp", "2026-01-31", dt.datetime(2026, 1, 31, tzinfo=dt.UTC)),
        ("timestamp", "2026-01-31T12:00:00+03:00", dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)),
        ("timestamp", "2026-01-31T12:00:00 03:00", dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)),
        ("timestamp", "2026-01-31 12:00:00", dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)),
        ("timestamp", "0001-01-01T00:00:00Z", dt.datetime(1, 1, 1, tzinfo=dt.UTC)),
    ],
)
def test_text_becomes_a_value_of_the_columns_type(data_type: str, text: str, value: Any) -> None:
    found = parsed(data_type, text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("data_type", "text", "needed"),
    [
        ("tinyint", "128", "an integer from -128 to 127"),
        ("smallint", "-32769", "an integer from -32768 to 32767"),
        ("int", "2147483648", "an integer from -2147483648 to 2147483647"),
        ("bigint", "9223372036854775808", "an integer from -9223372036854775808"),
        ("bigint", "1" * 21, "an integer such as 1"),
        ("bigint", "1.0", "an integer such as 1"),
        ("bigint", "1e3", "an integer such as 1"),
        ("bigint", "0x10", "an integer such as 1"),
        ("bigint", "1_000", "an integer such as 1"),
        ("bigint", "", "an integer such as 1"),
        ("bigint", " 1", "an integer such as 1"),
        ("bigint", "1\n", "an integer such as 1"),
        ("bigint", "١", "an integer such as 1"),  # noqa: RUF001
        ("double", "NaN", "a finite number"),
        ("double", "inf", "a finite number"),
        ("double", "-Infinity", "a finite number"),
        ("double", "1e309", "a finite number"),
        ("double", "１", "a finite number"),  # noqa: RUF001
        ("float", "3.5e38", "single precision"),
        ("float", "1e300", "single precision"),
        ("decimal(18,2)", "1.005", "at most 16 digits before and 2 after"),
        ("decimal(18,2)", "1e16", "at most 16 digits before and 2 after"),
        ("decimal(18,2)", "1e-999", "at most 16 digits before and 2 after"),
        ("decimal(18,2)", "1e9999", "a number such as 200.00"),
        ("decimal(18,2)", "NaN", "a number such as 200.00"),
        ("decimal(18,2)", "200,00", "a number such as 200.00"),
        ("decimal(38,10)", "1" * 29, "at most 28 digits before and 10 after"),
        ("decimal(38,10)", "1" * 28 + ".00000000001", "at most 28 digits before and 10 after"),
        ("string", "x" * 1001, "at most 1000 characters"),
        ("string", "a\x00b", r"without the character U\+0000"),
        ("boolean", "True", "true or false"),
        ("boolean", "1", "true or false"),
        ("date", "2026-02-30", "a date such as 2026-01-31"),
        ("date", "2026-W01-1", "a date such as 2026-01-31"),
        ("date", "20260131", "a date such as 2026-01-31"),
        ("date", "10000-01-01", "a date such as 2026-01-31"),
        ("timestamp", "2026-01-31T25:00:00", "a moment such as"),
        ("timestamp", "20260131T120000", "a moment such as"),
        ("timestamp", "2026-01-31x12:00:00", "a moment such as"),
        ("timestamp", "0001-01-01T00:00:00+14:00", "a moment such as"),
        ("timestamp", "now()", "a moment such as"),
    ],
)
def test_text_that_is_no_value_is_refused_with_what_is_needed(
    data_type: str, text: str, needed: str
) -> None:
    with pytest.raises(ValueError, match=needed):
        parsed(data_type, text)


@pytest.mark.parametrize(
    ("data_type", "arrow"),
    [
        ("tinyint", pa.int8()),
        ("bigint", pa.int64()),
        ("float", pa.float32()),
        ("decimal(5,1)", pa.decimal128(5, 1)),
        ("char(3)", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
    ],
)
def test_type_of_the_contract_has_one_type_of_arrow(data_type: str, arrow: pa.DataType) -> None:
    assert kind(column("c", data_type)).arrow == arrow


@pytest.mark.parametrize(
    "data_type", ["array<int>", "map<string,int>", "binary", "interval", "variant", "", "no such"]
)
def test_column_of_a_type_that_cannot_be_served_is_named(data_type: str) -> None:
    with pytest.raises(ManifestError, match="column c has the type"):
        columns.kind(product({"id": "bigint", "c": data_type}).columns[1])


@pytest.mark.parametrize("data_type", ["decimal(2,2)", "decimal(3,0)", "decimal(18,2)", "float"])
def test_example_of_a_type_is_a_value_of_it(data_type: str) -> None:
    known = kind(column("c", data_type))
    for example in known.schema["examples"]:
        known.parse(str(example))
