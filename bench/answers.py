"""Reading the systems' answers, and comparing them with those of a reference."""

import io
import json
import tempfile
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.ipc

from bench.cases import Facts, Form
from bench.errors import BenchmarkError

SCHEMA = pa.schema(
    [
        ("pedido_id", pa.int64()),
        ("cliente_id", pa.int64()),
        ("nome", pa.string()),
        ("valor", pa.decimal128(18, 2)),
    ]
)
"""Of ouro.cliente_pedido."""

_SQL_TYPES = {
    "pedido_id": "bigint",
    "cliente_id": "bigint",
    "nome": "varchar",
    "valor": "decimal(18, 2)",
}
_CLOSE = Decimal("0.00001")
"""Averages of engines differ in how many digits they keep; amounts of money do not."""

Row = tuple[Any, ...]


class Reference:
    """The right answers, from the Parquet file that the other systems serve."""

    def __init__(self, parquet: Path) -> None:
        self._database = duckdb.connect()
        self._database.execute("create schema ouro")
        self._database.from_parquet(str(parquet)).create_view("product")
        self._database.execute("create view ouro.cliente_pedido as select * from product")

    def rows(self, sql: str) -> list[Row]:
        """The rows of a query."""
        return plain(self._database.execute(sql).fetchall())

    def table(self, sql: str) -> pa.Table:
        """The rows of a query of the product's columns."""
        return self._database.execute(sql).to_arrow_table().cast(SCHEMA)

    def facts(self) -> Facts:
        """What the questions are made from."""
        clients = self._database.execute(
            "select distinct cliente_id from ouro.cliente_pedido order by all"
        ).fetchall()
        least, greatest = self._database.execute(
            "select min(valor), max(valor) from ouro.cliente_pedido"
        ).fetchall()[0]
        return Facts([client for (client,) in clients], least, greatest)


def rows_of(body: bytes) -> list[Row]:
    """The rows of a JSON array with an object a row.

    Raises:
        BenchmarkError: it is something else.
    """
    try:
        objects = json.loads(body, parse_float=Decimal)
        return plain(row.values() for row in objects)
    except (ValueError, AttributeError, TypeError):
        raise BenchmarkError(f"not a JSON array of objects: {body[:200]!r}") from None


def table_of(body: bytes, form: Form) -> pa.Table:
    """The whole product as it came, in the order of its key.

    Raises:
        BenchmarkError: it cannot be read as the product's columns.
    """
    try:
        read = _read_arrow(body) if form is Form.ARROW else _read_text(body, form)
        return read.select(SCHEMA.names).cast(SCHEMA).sort_by("pedido_id")
    except (pa.ArrowException, KeyError, duckdb.Error) as error:
        raise BenchmarkError(f"not the product as {form}: {error}") from None


def plain(rows: Iterable[Iterable[Any]]) -> list[Row]:
    """Rows with every number as a decimal, whatever type it came as."""
    return [tuple(map(_number, row)) for row in rows]


def compare(found: Sequence[Row], expected: Sequence[Row]) -> None:
    """Compare rows one by one, in their order.

    Raises:
        BenchmarkError: they are not the same.
    """
    if len(found) != len(expected):
        raise BenchmarkError(f"{len(found)} rows came instead of {len(expected)}")
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        if len(one) != len(other) or not all(map(_same, one, other)):
            raise BenchmarkError(f"row {number} is {one} instead of {other}")


def compare_tables(found: pa.Table, expected: pa.Table) -> None:
    """Compare whole products, both in the order of the key.

    Raises:
        BenchmarkError: they are not the same.
    """
    if found.num_rows != expected.num_rows:
        raise BenchmarkError(f"{found.num_rows} rows came instead of {expected.num_rows}")
    if not found.equals(expected):
        raise BenchmarkError("the rows are as many as they have to be, and not the same")


def _read_arrow(body: bytes) -> pa.Table:
    if body.startswith(b"ARROW1"):
        return pa.ipc.open_file(io.BytesIO(body)).read_all()
    return pa.ipc.open_stream(io.BytesIO(body)).read_all()


def _read_text(body: bytes, form: Form) -> pa.Table:
    with tempfile.NamedTemporaryFile(suffix=f".{form}") as file, duckdb.connect() as database:
        file.write(body)
        file.flush()
        if form is Form.JSON:
            rows = database.read_json(file.name, columns=_SQL_TYPES, format="array")
        else:
            rows = database.read_csv(file.name, header=True, dtype=_SQL_TYPES)
        return rows.to_arrow_table()


def _number(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, int | float) else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return abs(one - other) <= _CLOSE
    return bool(one == other)
