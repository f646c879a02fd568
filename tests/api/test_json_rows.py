"""Rows as JSON: whole columns at a time give what one row after the other gives."""

import datetime as dt

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from api import json_rows
from api.json_rows import rows_as_json
from tests.api.every_type import TEXTS
from tests.api.support import SOME, TYPES, rows

_TEXT = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_MONEY = st.decimals(-(10**16) + 1, 10**16 - 1, places=2)
_EXACT = st.decimals(-(10**28) + 1, 10**28 - 1, places=10)
_BITS = {"id": 63, "tiny": 7, "small": 15, "whole": 31, "big": 63}
_VALUES = {
    **{name: st.integers(-(2**bits), 2**bits - 1) for name, bits in _BITS.items()},
    "single": st.floats(width=32),
    "double": st.floats(),
    "money": _MONEY,
    "exact": _EXACT,
    "name": _TEXT,
    "flag": st.booleans(),
    "day": st.dates(),
    "moment": st.datetimes(timezones=st.just(dt.UTC)),
}
_ROWS = st.lists(st.tuples(*(_VALUES[name] | st.none() for name in TYPES)), max_size=4)


def by_columns(table: pa.Table, glue: str) -> bytes:
    (batch,) = table.combine_chunks().to_batches()
    return json_rows._by_columns(batch, glue)


def by_rows(table: pa.Table, glue: str) -> bytes:
    (batch,) = table.combine_chunks().to_batches()
    assert batch.num_rows <= json_rows._FEW
    return rows_as_json(batch, glue)


@given(_ROWS.filter(bool))
def test_columns_give_what_rows_give(values: list[tuple[object, ...]]) -> None:
    assert by_columns(rows(*values), "\n") == by_rows(rows(*values), "\n")


def test_column_with_nothing_to_escape_is_taken_whole() -> None:
    plain = pa.table({'a "name"': pa.array(["Ávila", None, "😀"]), "n": [1, 2, 3]})
    expected = (
        '{"a \\"name\\"":"Ávila","n":1},{"a \\"name\\"":null,"n":2},{"a \\"name\\"":"😀","n":3}'
    )
    assert by_columns(plain, ",").decode() == by_rows(plain, ",").decode() == expected


def test_many_rows_are_as_many_as_few() -> None:
    many = pa.concat_tables([SOME] * 100).combine_chunks()
    (batch,) = many.to_batches()
    assert rows_as_json(batch, "\n").split(b"\n") == by_rows(SOME, "\n").split(b"\n") * 100
