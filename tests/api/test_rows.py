import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from api.engine import Rows
from api.rows import as_json, bounds, python_type, row_model
from malha.errors import ManifestError
from malha.manifest import Column, Product


def column(kind: str) -> Column:
    return Column(name="x", data_type=kind, description="")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("200.00"), "200.00"),
        (Decimal("9999999999999999.99"), "9999999999999999.99"),
        (9223372036854775807, "9223372036854775807"),
        (None, "null"),
        ("Conceição", '"Conceição"'),
        (dt.datetime(2026, 1, 31, 12), '"2026-01-31T12:00:00Z"'),
    ],
)
def test_values_keep_every_digit_and_their_zone(value: Any, text: str) -> None:
    body = bytes(as_json(Rows(("x",), [(value,)])).body).decode()
    assert body == f'[{{"x":{text}}}]'


@pytest.mark.parametrize(
    ("kind", "python"),
    [
        ("bigint", int),
        ("decimal(18,2)", Decimal),
        ("string", str),
        ("timestamp", dt.datetime),
        ("boolean", bool),
    ],
)
def test_types_of_a_contract_are_known(kind: str, python: type) -> None:
    assert python_type(column(kind)) is python


def test_unknown_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ManifestError, match=r"column x has the type map<.*bigint"):
        python_type(column("map<string,string>"))


def test_column_may_have_any_name() -> None:
    columns = tuple(
        Column(name=name, data_type="string", description="")
        for name in ("_ingested_at", "model_config", "schema")
    )
    product = Product(
        name="x",
        schema_name="ouro",
        table="x",
        description="",
        owner="",
        columns=columns,
        primary_key=(),
        lookup=None,
    )
    assert list(row_model(product).model_json_schema()["properties"]) == [
        "_ingested_at",
        "model_config",
        "schema",
    ]


def test_integers_have_the_bounds_of_their_type() -> None:
    assert bounds(column("tinyint")) == {"ge": -128, "le": 127}
    assert bounds(column("string")) == {}
