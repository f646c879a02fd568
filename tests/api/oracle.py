"""Answers worked out in Python, row by row: what both engines are compared with."""

import struct
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from math import isnan
from typing import Any

import pyarrow as pa

from api import queries
from api.access import Rights
from api.columns import kind
from api.query import Aggregate, Filter, Order, Query

Row = dict[str, Any]


def matches(pattern: str, text: str) -> bool:
    """Whether a LIKE pattern matches: which beginnings of the text each of its signs can use up."""
    ends = {0}
    rest = pattern
    while rest:
        sign, rest = rest[0], rest[1:]
        if sign == "%":
            ends = set(range(min(ends, default=len(text) + 1), len(text) + 1))
            continue
        wanted: str | None = None if sign == "_" else sign
        if sign == "\\":
            wanted, rest = rest[0], rest[1:]
        ends = {
            end + 1 for end in ends if end < len(text) and wanted in (None, text[end : end + 1])
        }
    return len(text) in ends


def answer(
    query: Query, rights: Rights, rows: Iterable[Row], kept: dict[str, set[Any]]
) -> pa.Table:
    """The answer to a question.

    Args:
        rows: all rows of the product, with all columns.
        kept: by predicate, the ids of the rows that it keeps.
    """
    visible = [
        row | rights.masked
        for row in rows
        if all(row["id"] in kept[predicate] for predicate in rights.predicates)
    ]
    found = [
        row for row in visible if all(_holds(one, row[one.column.name]) for one in query.filters)
    ]
    if query.grouped:
        found = _grouped(query, found)
    elif query.after is not None:
        found = [row for row in found if _is_after(row, query.sort, query.after)]
    for order in reversed(query.sort):
        name, descending = order.name, order.descending
        found.sort(key=lambda row: _rank(row[name], descending))
    schema = queries.answer_schema(query)
    shown = [{name: row[name] for name in schema.names} for row in found[: query.limit]]
    return pa.Table.from_pylist(shown, schema=schema)


def _key(value: Any) -> Any:
    """By what values are compared: no number is greater than NaN, which equals itself."""
    if isinstance(value, float):
        return (1, 0.0) if isnan(value) else (0, value)
    return value


def _rank(value: Any, descending: bool) -> tuple[bool, Any]:
    return (
        (True, 0)
        if value is None
        else (False, _Reversed(_key(value)) if descending else _key(value))
    )


class _Reversed:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Reversed") -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.value == other.value)

    __hash__ = None  # type: ignore[assignment]


def _as_stored(condition: Filter, value: Any) -> Any:
    """A value as the column has it: of single precision where that is."""
    if pa.types.is_float32(kind(condition.column).arrow):
        return _key(struct.unpack("<f", struct.pack("<f", value))[0])
    return _key(value)


def _holds(condition: Filter, value: Any) -> bool:
    if condition.operator == "is":
        return (value is None) is (condition.value == "null")
    if value is None:
        return False
    if condition.operator == "like":
        return matches(condition.value, value)
    if condition.operator == "in":
        return any(_key(value) == _as_stored(condition, one) for one in condition.value)
    left, right = _key(value), _as_stored(condition, condition.value)
    return bool(
        {
            "eq": left == right,
            "ne": left != right,
            "gt": left > right,
            "gte": left >= right,
            "lt": left < right,
            "lte": left <= right,
        }[condition.operator]
    )


def _is_after(row: Row, orders: Sequence[Order], after: Sequence[Any]) -> bool:
    for order, value in zip(orders, after, strict=True):
        mine = _rank(row[order.name], order.descending)
        other = _rank(value, order.descending)
        if mine != other:
            return other < mine
    return False


def _grouped(query: Query, rows: list[Row]) -> list[Row]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(_key(row[one.name]) for one in query.select), []).append(row)
    if not query.select:
        groups.setdefault((), [])
    return [
        {one.name: members[0][one.name] for one in query.select}
        | {one.name: _aggregate(one, members) for one in query.aggregates}
        for members in groups.values()
    ]


def _aggregate(one: Aggregate, rows: list[Row]) -> Any:
    if one.column is None:
        return len(rows)
    values = [row[one.column.name] for row in rows if row[one.column.name] is not None]
    if one.function == "count":
        return len(values)
    if not values:
        return None
    if one.function in ("min", "max"):
        return (min if one.function == "min" else max)(values, key=_key)
    if isinstance(values[0], float):
        total: Any = sum(values, 0.0)
    else:
        with localcontext(prec=60):
            total = sum(map(Decimal, values), Decimal())
    return total if one.function == "sum" else float(total) / len(values)
