"""Rows by one column: the same as a scan finds, for every type that is looked up by."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.lookup import lookup_of
from tests.api.every_type import TEXTS
from tests.api.support import SOME, product

_TEXTS = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
_DECIMALS = st.decimals(-10, 10, places=2)


def found(values: list[Any], kind: pa.DataType, wanted: Any) -> list[int]:
    """The numbers of the rows that have the value."""
    rows = pa.table({"name": pa.array(values, kind), "row": range(len(values))})
    lookup = lookup_of(product(lookup="name"), rows)
    assert lookup is not None
    numbers: list[int] = lookup.find(wanted)["row"].to_pylist()
    return numbers


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.int64(), st.integers(-3, 3)),
        (pa.string(), _TEXTS),
        (pa.decimal128(18, 2), _DECIMALS),
    ],
    ids=str,
)
@given(data=st.data())
def test_rows_of_a_value_are_those_that_have_it(
    kind: pa.DataType, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    rows = data.draw(st.lists(values | st.none(), max_size=30))
    wanted = data.draw(values if not rows else st.sampled_from(rows) | values)
    if wanted is not None:
        expected = [row for row, value in enumerate(rows) if value == wanted]
        assert found(rows, kind, wanted) == expected


def test_no_rows_have_no_value() -> None:
    assert found([], pa.int64(), 1) == []
    assert found([None], pa.decimal128(18, 2), Decimal(1)) == []


@pytest.mark.parametrize("by", ["big", "tiny", "name", "money"])
def test_integers_decimals_and_texts_are_looked_up(by: str) -> None:
    assert lookup_of(product(lookup=by), SOME)


@pytest.mark.parametrize("by", ["double", "flag", "day", "moment", None])
def test_other_types_are_not(by: str | None) -> None:
    assert lookup_of(product(lookup=by), SOME) is None
