"""What a request asks of a product, checked against its contract."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from malha.manifest import Column, Product

Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "like", "is"]
Function = Literal["count", "sum", "avg", "min", "max"]

DEFAULT_LIMIT = 10
MAX_LIMIT = 10_000


@dataclass(frozen=True)
class Filter:
    """A condition on one column; all conditions of a query hold together."""

    column: Column
    operator: Operator
    value: Any
    """Of the column's Python type; a tuple of such for `in`, `null` or `not_null` for `is`."""


@dataclass(frozen=True)
class Aggregate:
    """A function over a column, or over the rows (`count`)."""

    function: Function
    column: Column | None

    @property
    def name(self) -> str:
        """Of the column of the answer: `sum_valor`."""
        return f"{self.function}_{self.column.name}" if self.column else self.function


@dataclass(frozen=True)
class Order:
    """A column of the answer that rows are sorted by; nulls come last."""

    name: str
    descending: bool = False


def key_order(product: Product) -> tuple[Order, ...]:
    """The order in which rows come where nothing else is asked for."""
    return tuple(Order(name) for name in product.primary_key)


@dataclass(frozen=True)
class Query:
    """A question; equal ones have equal answers on one snapshot and for equal rights."""

    product: Product
    select: tuple[Column, ...]
    """What the answer shows. In an aggregate query, the columns that rows are grouped by."""
    filters: tuple[Filter, ...] = ()
    sort: tuple[Order, ...] = ()
    limit: int | None = DEFAULT_LIMIT
    """None for all rows."""
    after: tuple[Any, ...] | None = None
    """By `sort`: the values of the row after which the answer begins."""
    aggregates: tuple[Aggregate, ...] = ()
    grouped: bool = field(default=False)
    """Whether this is an aggregate query; `select` and `aggregates` are then its columns."""

    @property
    def identity(self) -> tuple[Any, ...]:
        """Plain values that are equal where queries ask the same, whatever the limit and page."""
        return (
            self.product.name,
            tuple(column.name for column in self.select),
            tuple((one.column.name, one.operator, one.value) for one in self.filters),
            tuple((order.name, order.descending) for order in self.sort),
            tuple(one.name for one in self.aggregates),
            self.grouped,
        )

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that the answer shows, or depends on."""
        used = [
            *(column.name for column in self.select),
            *(one.column.name for one in self.aggregates if one.column),
            *(one.column.name for one in self.filters),
            *(order.name for order in self.sort),
        ]
        known = {column.name for column in self.product.columns}
        return tuple(name for name in dict.fromkeys(used) if name in known)

    @property
    def lookup(self) -> Filter | None:
        """The filter that wants one value of the product's lookup column."""
        wanted = (
            one
            for one in self.filters
            if one.operator == "eq" and one.column == self.product.lookup
        )
        return next(wanted, None)

    @property
    def only_looks_up(self) -> bool:
        """Whether it wants the first rows of one lookup value, in the key's order, and no more."""
        return (
            self.lookup is not None
            and len(self.filters) == 1
            and not self.grouped
            and self.after is None
            and self.sort == key_order(self.product)
        )

    @property
    def pages(self) -> bool:
        """Whether a cursor can go on where a page ends: the order is that of a key."""
        if self.grouped or not self.product.primary_key:
            return False
        return set(self.product.primary_key) <= {order.name for order in self.sort}
