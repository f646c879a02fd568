"""Rows by the value of a product's lookup column: sorted by it, and found by binary search."""

from bisect import bisect_left, bisect_right
from typing import Any

import pyarrow as pa
import pyarrow.types as types

from malha.manifest import Product


class Lookup:
    """A product's rows, by one column.

    Args:
        rows: sorted by this column, nulls last.
        column: its name.
    """

    def __init__(self, rows: pa.Table, column: str) -> None:
        self._rows = rows.combine_chunks()
        self._values = rows.column(column).combine_chunks()
        self._known = range(len(self._values) - self._values.null_count)

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return int(self._rows.nbytes + self._values.nbytes)

    def find(self, value: Any) -> pa.Table:
        """The rows with this value, in the order in which they were given."""
        first = bisect_left(self._known, value, key=self._value)
        end = bisect_right(self._known, value, lo=first, key=self._value)
        return self._rows.slice(first, end - first)

    def _value(self, row: int) -> Any:
        return self._values[row].as_py()


def lookup_of(product: Product, rows: pa.Table) -> Lookup | None:
    """The product's rows by its lookup column, each value's in the order in which they were given.

    None where there is no such column, or its values do not come from Arrow as from a request.
    """
    if product.lookup is None:
        return None
    column = product.lookup.name
    kind = rows.schema.field(column).type
    if not (types.is_integer(kind) or types.is_decimal(kind) or types.is_string(kind)):
        return None
    return Lookup(rows.sort_by(column), column)
