"""Query strings to queries: which parameters a product has, and what each may say."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args
from urllib.parse import parse_qsl

from api import patterns
from api.columns import kind
from api.errors import InvalidParameter, InvalidRequestError
from api.formats import FORMATS
from api.query import DEFAULT_LIMIT, MAX_LIMIT, Aggregate, Filter, Operator, Order, Query
from malha.manifest import Column, Product

MAX_VALUES = 100
"""Values of one `in`, and parameters of one request."""

MAX_PROBLEMS = 20
"""Parameters that a refusal names."""

RESERVED = ("select", "sort", "limit", "cursor", "count", "group_by", "aggregate", "format")
"""Parameters that are no columns; a column of such a name is filtered as `limit.eq`."""

_FUNCTIONS = ("count", "sum", "avg", "min", "max")
_NOT_OF_TEXT = ("sum", "avg")
_PART = re.compile(r'"((?:[^"]|"")*)"(?=,|\Z)|([^,]*)', re.DOTALL)
_LONE_ESCAPE = re.compile(r"(?:[^\\]|^)(?:\\\\)*\\(?![%_\\])")


@dataclass(frozen=True)
class Request:
    """A query, and how its answer is wanted."""

    query: Query
    format: str | None = None
    """One of FORMATS; None where the `Accept` header decides."""
    cursor: str | None = None
    """As it was sent; what it stands for depends on its signature."""
    count: bool = False
    """Whether the number of all rows is asked for."""


@dataclass
class _Given:
    """The parameters of a request that have not been read yet, and what is wrong with others."""

    pairs: dict[str, str]
    problems: list[InvalidParameter] = field(default_factory=list)

    def refuse(self, parameter: str, message: str) -> None:
        # Each names what is allowed: a long list of what is not must not make a longer answer.
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(
                InvalidParameter(parameter=parameter, location="query", message=message)
            )

    def take(self, name: str) -> str | None:
        return self.pairs.pop(name, None)


def read(product: Product, text: str, key: str | None = None) -> Request:
    """The request that a query string makes of a product.

    Args:
        key: the text of the path behind the product's, a value of its lookup column.

    Raises:
        InvalidRequestError: it cannot be used; names each parameter and what is allowed.
    """
    given = _Given({})
    try:
        if not text.isascii():
            raise ValueError("letters other than ASCII's are written as %C3%A9, in UTF-8")
        if text.count("&") >= MAX_VALUES:
            raise ValueError(f"at most {MAX_VALUES} parameters are allowed")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        given.refuse("", "what is written as %C3%A9 has to be in UTF-8")
        raise InvalidRequestError(given.problems) from None
    except ValueError as error:
        given.refuse("", str(error))
        raise InvalidRequestError(given.problems) from None
    for name, value in pairs:
        if name in given.pairs:
            given.refuse(name, "it is given more than once")
        given.pairs[name] = value
    request = _read(product, given, key)
    if given.problems or request is None:
        raise InvalidRequestError(given.problems)
    return request


def _read(product: Product, given: _Given, key: str | None) -> Request | None:
    columns = {column.name: column for column in product.columns}
    wanted_format = _choice(given, "format", tuple(FORMATS))
    count = _choice(given, "count", ("exact",)) is not None
    cursor = given.take("cursor")
    limit = _limit(given)
    aggregates = _aggregates(given, columns)
    group_by = _columns(given, "group_by", columns)
    grouped = bool(aggregates) or group_by is not None
    if grouped and not aggregates:
        aggregates = (Aggregate("count", None),)
    select = _columns(given, "select", columns)
    sort = given.take("sort")
    filters = list(_filters(given, product, columns))
    if key is not None:
        filters += _of_key(given, product, key)
    for name in given.pairs:
        given.refuse(name, f"there is no such parameter; there are {_allowed(product)}")
    if grouped and select is not None:
        given.refuse("select", "an aggregate query shows its groups and aggregates alone")
    if grouped and cursor is not None:
        given.refuse("cursor", "an aggregate query has no pages: use limit")
    if cursor is not None and not product.primary_key:
        given.refuse("cursor", "the product has no key, so it has no pages: use limit")
    if count and limit is None:
        given.refuse("count", "limit=all sends all rows: count them, or leave limit=all out")
    if cursor is not None and limit is None:
        given.refuse("cursor", "limit=all has one page")
    if grouped:
        names = [column.name for column in group_by or ()] + [one.name for one in aggregates]
        for twice in sorted({name for name in names if names.count(name) > 1}):
            given.refuse("aggregate", f"the answer would have two columns {twice}")
        implied: Sequence[str] = [column.name for column in group_by or ()]
    else:
        names = list(columns)
        implied = product.primary_key
    orders = _orders(given, sort, names, implied)
    if given.problems:
        return None
    shown = tuple(group_by or ()) if grouped else tuple(select or product.columns)
    query = Query(
        product=product,
        select=shown,
        filters=tuple(filters),
        sort=orders,
        limit=limit,
        aggregates=tuple(aggregates),
        grouped=grouped,
    )
    return Request(query, wanted_format, cursor, count)


def _choice(given: _Given, name: str, allowed: Sequence[str]) -> str | None:
    text = given.take(name)
    if text is not None and text not in allowed:
        given.refuse(name, f"one of {', '.join(allowed)} is needed")
    return text


def _limit(given: _Given) -> int | None:
    text = given.take("limit")
    if text is None:
        return DEFAULT_LIMIT
    if text == "all":
        return None
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or not 1 <= int(text) <= MAX_LIMIT:
        given.refuse("limit", f"an integer from 1 to {MAX_LIMIT}, or all, is needed")
        return DEFAULT_LIMIT
    return int(text)


def _columns(
    given: _Given, parameter: str, columns: dict[str, Column]
) -> tuple[Column, ...] | None:
    text = given.take(parameter)
    if text is None:
        return None
    names = text.split(",")
    for name in dict.fromkeys(names):
        if name not in columns:
            given.refuse(parameter, f"{_short(name)} is none of {', '.join(columns)}")
        elif names.count(name) > 1:
            given.refuse(parameter, f"{name} is given more than once")
    return tuple(columns[name] for name in names if name in columns)


def _aggregates(given: _Given, columns: dict[str, Column]) -> tuple[Aggregate, ...]:
    text = given.take("aggregate")
    found: list[Aggregate] = []
    for part in [] if text is None else text.split(","):
        function, dot, name = part.partition(".")
        if function not in _FUNCTIONS or (not dot and function != "count"):
            given.refuse(
                "aggregate",
                f"{_short(part)} is none of count, "
                + ", ".join(f"{known}.<column>" for known in _FUNCTIONS),
            )
        elif dot and name not in columns:
            given.refuse("aggregate", f"{_short(name)} is none of {', '.join(columns)}")
        elif dot and function in _NOT_OF_TEXT and not kind(columns[name]).number:
            given.refuse("aggregate", f"{function} is for numbers, and {name} is none")
        else:
            found.append(Aggregate(function, columns.get(name)))  # type: ignore[arg-type]
    return tuple(dict.fromkeys(found))


def _orders(
    given: _Given, text: str | None, names: Sequence[str], implied: Sequence[str]
) -> tuple[Order, ...]:
    """What is asked for, and behind it what makes the order one of single rows."""
    orders: list[Order] = []
    for part in text.split(",") if text is not None else []:
        name = part.removeprefix("-")
        if name not in names:
            given.refuse("sort", f"{_short(name)} is none of {', '.join(names)}")
        elif name in {order.name for order in orders}:
            given.refuse("sort", f"{name} is given more than once")
        else:
            orders.append(Order(name, descending=part.startswith("-")))
    there = {order.name for order in orders}
    return (*orders, *(Order(name) for name in implied if name not in there))


def _filters(given: _Given, product: Product, columns: dict[str, Column]) -> Iterable[Filter]:
    for parameter in list(given.pairs):
        if parameter in columns and parameter not in RESERVED:
            name, operator = parameter, "eq"
        else:
            name, _, operator = parameter.rpartition(".")
        if name not in columns:
            continue
        text = given.pairs.pop(parameter)
        column = columns[name]
        if operator not in operators(column):
            given.refuse(
                parameter,
                f"{_short(operator)} is none of {column.name}'s operators: "
                + ", ".join(operators(column)),
            )
            continue
        try:
            yield Filter(column, operator, _value(column, operator, text))  # type: ignore[arg-type]
        except ValueError as error:
            given.refuse(parameter, str(error))


def operators(column: Column) -> tuple[str, ...]:
    """What a column can be filtered by."""
    known = get_args(Operator)
    return known if kind(column).text else tuple(one for one in known if one != "like")


def _value(column: Column, operator: str, text: str) -> Any:
    match operator:
        case "is":
            if text not in ("null", "not_null"):
                raise ValueError("null or not_null is needed")
            return text
        case "in":
            parts = _parts(text)
            if len(parts) > MAX_VALUES:
                raise ValueError(f"at most {MAX_VALUES} values are allowed")
            return tuple(kind(column).parse(part) for part in parts)
        case "like":
            kind(column).parse(text)
            if _LONE_ESCAPE.search(text):
                raise ValueError(r"a backslash stands before %, _ or another backslash only")
            patterns.read(text)
            return text
        case _:
            return kind(column).parse(text)


def _parts(text: str) -> list[str]:
    """What stands between commas; one in double quotes may have commas, and `""` for a quote."""
    parts, end = [], -1
    while end < len(text):
        found = _PART.match(text, end + 1)
        assert found is not None  # noqa: S101
        quoted, plain = found.groups()
        parts.append(plain if quoted is None else quoted.replace('""', '"'))
        end = found.end()
    return parts


def _of_key(given: _Given, product: Product, key: str) -> list[Filter]:
    assert product.lookup is not None  # noqa: S101
    try:
        return [Filter(product.lookup, "eq", kind(product.lookup).parse(key))]
    except ValueError as error:
        given.problems.append(
            InvalidParameter(parameter=product.lookup.name, location="path", message=str(error))
        )
        return []


def _allowed(product: Product) -> str:
    columns = ", ".join(column.name for column in product.columns)
    return f"{', '.join(RESERVED)}, and {columns} with .{', .'.join(get_args(Operator))}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
