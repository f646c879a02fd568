"""The types of contracted columns: in a request, in Arrow and in OpenAPI."""

import datetime as dt
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from math import isfinite
from typing import Any

import pyarrow as pa
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.expressions.datatypes import DType

from malha.errors import ManifestError
from malha.manifest import Column, Product

MAX_TEXT = 1000
"""Characters of a text value in a request."""

MAX_PRECISION = 38
"""Digits of a decimal, in Spark as in DuckDB."""

_BITS = {DType.TINYINT: 8, DType.SMALLINT: 16, DType.INT: 32, DType.BIGINT: 64}
_FLOATS = {DType.FLOAT: pa.float32(), DType.DOUBLE: pa.float64()}
_TEXTS = (DType.TEXT, DType.VARCHAR, DType.CHAR)
_TIMESTAMPS = (DType.TIMESTAMP, DType.TIMESTAMPTZ)

# In ASCII: Python reads the digits of every script, and an engine might not.
_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,38}(\.\d{0,38})?|\.\d{1,38})([eE][+-]?\d{1,3})?", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,3})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[ +-]\d\d:?\d\d)?)?", re.ASCII
)

_EXACT = Context(prec=120)
"""Enough for all digits that `_NUMBER` takes; by itself, Python rounds to 28."""


@dataclass(frozen=True)
class Kind:
    """What the API knows of a type."""

    name: str
    """For people: `integer`, `decimal(18,2)`."""
    arrow: pa.DataType
    schema: dict[str, Any]
    """JSON schema of a value."""
    asked: dict[str, Any]
    """JSON schema of a value in a request, where all is text."""
    parse: Callable[[str], Any]
    """The value that a text of a request stands for; raises ValueError with what is allowed."""
    number: bool = False
    text: bool = False


@lru_cache(maxsize=4096)
def kind(column: Column) -> Kind:
    """What the API knows of the column's type.

    Raises:
        ManifestError: it does not serve this type.
    """
    try:
        built = exp.DataType.build(column.data_type, dialect="spark")
    except (ParseError, TokenError, ValueError, RecursionError):
        built = exp.DataType.build("unknown")
    sql_type = built.this
    schema: dict[str, Any]
    if sql_type in _BITS:
        return _integer(_BITS[sql_type])
    if sql_type in _FLOATS:
        single = sql_type == DType.FLOAT
        schema = {
            "type": "number",
            "format": "float" if single else "double",
            "examples": [1.5],
        }
        most = 3.4028234663852886e38 if single else 1.7976931348623157e308
        asked = schema | {"minimum": -most, "maximum": most}
        parse = _parse_single if single else _parse_float
        return Kind("number", _FLOATS[sql_type], schema, asked, parse, number=True)
    if sql_type == DType.DECIMAL:
        sizes = [int(part.name) if part.name.isdigit() else -1 for part in built.expressions]
        precision, scale = (*sizes, 0, 0)[:2] if sizes else (10, 0)
        if not 0 < precision <= MAX_PRECISION or not 0 <= scale <= precision:
            raise ManifestError(
                f"column {column.name} has the type {column.data_type}; a decimal has up to "
                f"{MAX_PRECISION} digits, and no more of them after the point"
            )
        return _decimal(precision, scale)
    if sql_type in _TEXTS:
        schema = {"type": "string", "examples": ["Alice"]}
        asked = schema | {"maxLength": MAX_TEXT, "pattern": "^[^\\u0000]*$"}
        return Kind("text", pa.string(), schema, asked, _parse_text, text=True)
    if sql_type == DType.BOOLEAN:
        schema = {"type": "boolean", "examples": [True]}
        return Kind("boolean", pa.bool_(), schema, schema, _parse_boolean)
    if sql_type == DType.DATE:
        schema = {"type": "string", "format": "date", "examples": ["2026-01-31"]}
        return Kind("date", pa.date32(), schema, schema, _parse_date)
    if sql_type in _TIMESTAMPS:
        schema = {"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00Z"]}
        arrow = pa.timestamp("us", tz="UTC")
        return Kind("timestamp", arrow, schema, schema, _parse_timestamp)
    raise ManifestError(
        f"column {column.name} has the type {column.data_type}; the API serves boolean, integers, "
        "float, double, decimal, string, date and timestamp"
    )


def problem_of(product: Product) -> str | None:
    """Why the API cannot serve a product's columns; None where it can."""
    try:
        for column in product.columns:
            kind(column)
    except ManifestError as error:
        return str(error)
    return None


def _integer(bits: int) -> Kind:
    least, greatest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise ValueError("an integer such as 1 is needed")
        value = int(text)
        if not least <= value <= greatest:
            raise ValueError(f"an integer from {least} to {greatest} is needed")
        return value

    arrow = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[bits]
    schema = {"type": "integer", "minimum": least, "maximum": greatest, "examples": [1]}
    return Kind("integer", arrow, schema, schema, parse, number=True)


def _decimal(precision: int, scale: int) -> Kind:
    bound = Decimal(10) ** (precision - scale)

    def parse(text: str) -> Decimal:
        try:
            value = Decimal(text) if _NUMBER.fullmatch(text) else None
        except InvalidOperation:
            value = None
        if value is None:
            raise ValueError("a number such as 200.00 is needed")
        exponent = int(value.normalize(_EXACT).as_tuple().exponent)
        if value.copy_abs() >= bound or -exponent > scale:
            raise ValueError(
                f"a number of at most {precision - scale} digits before and {scale} after "
                "the point is needed"
            )
        return value.quantize(Decimal(1).scaleb(-scale), context=_EXACT)

    schema = {"type": "number", "examples": [200.0 if precision - scale > 2 else 0.0]}
    whole, part = precision - scale, f"(\\.[0-9]{{1,{scale}}})?" if scale else ""
    asked = {
        "type": "string",
        "format": "decimal",
        "pattern": f"^-?{f'[0-9]{{1,{whole}}}' if whole else '0'}{part}$",
        "examples": ["200" if whole > 2 else "0"],
    }
    return Kind(
        f"decimal({precision},{scale})",
        pa.decimal128(precision, scale),
        schema,
        asked,
        parse,
        number=True,
    )


def _parse_float(text: str) -> float:
    value = float(text) if _FLOAT.fullmatch(text) else float("nan")
    if not isfinite(value):
        raise ValueError("a finite number such as 1.5 is needed")
    return value


def _parse_single(text: str) -> float:
    value = _parse_float(text)
    try:
        struct.pack("<f", value)
    except OverflowError:
        raise ValueError("a number of single precision, up to 3.4e38, is needed") from None
    return value


def _parse_text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"a text of at most {MAX_TEXT} characters is needed")
    if "\x00" in text:
        raise ValueError("a text without the character U+0000 is needed")
    return text


def _parse_boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false is needed")
    return text == "true"


def _parse_date(text: str) -> dt.date:
    try:
        if _DATE.fullmatch(text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass  # said below, in words that name no Python function
    raise ValueError("a date such as 2026-01-31 is needed")


def _parse_timestamp(text: str) -> dt.datetime:
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError
        # A + in a URL that was not escaped arrives as a blank.
        day, clock = text[:11], text[11:]
        value = dt.datetime.fromisoformat(day + clock.replace(" ", "+"))
        return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ValueError("a moment such as 2026-01-31T12:00:00Z is needed") from None
