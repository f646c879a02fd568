"""Rows as JSON: one by one where there are few, whole columns at a time where there are many."""

from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

# A decimal is a JSON number with all its digits: 200.00 stays 200.00.
_encoder = msgspec.json.Encoder(decimal_format="number")

_FEW = 200
"""Up to so many rows, a Python object each is quicker than to begin with Arrow."""

_ESCAPED = r'["\\\x00-\x1f]'
"""What a JSON text has no other way."""


def rows_as_json(batch: pa.RecordBatch, glue: str) -> bytes:
    """The rows as JSON objects, with `glue` between them."""
    if batch.num_rows <= _FEW:
        return glue.encode().join(map(_encoder.encode, batch.to_pylist()))
    return _by_columns(batch, glue)


def _by_columns(batch: pa.RecordBatch, glue: str) -> bytes:
    pieces: list[Any] = []
    before = "{"
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        pieces += [f"{before}{_encoder.encode(name).decode()}:", _texts(column)]
        before = ","
    objects = pc.binary_join_element_wise(*pieces, "}", "")
    joined = pc.binary_join(pa.ListArray.from_arrays([0, len(objects)], objects), glue)
    return bytes(joined[0].as_buffer())


def _texts(column: pa.Array) -> pa.Array:
    """Each value as JSON."""
    kind = column.type
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_decimal(kind):
        texts = column.cast(pa.string())
    elif types.is_date(kind) or (types.is_string(kind) and not _needs_escapes(column)):
        texts = pc.binary_join_element_wise('"', column.cast(pa.string()), '"', "")
    else:
        values = column.to_pylist()
        encoded = [None if value is None else _encoder.encode(value).decode() for value in values]
        texts = pa.array(encoded, pa.string())
    return texts.fill_null("null")


def _needs_escapes(column: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, _ESCAPED)).as_py())
