"""Queries as sqlglot trees: the only way that anything reaches SQL.

The Thrift Server has no bind parameters. A value from outside becomes a literal of the column's
type in a tree; names come from the product's contract alone. One tree is rendered for either
engine.
"""

import datetime as dt
import hashlib
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar

import pyarrow as pa
from sqlglot import exp, parse_one
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.spark import Spark
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.generators.spark import SparkGenerator

from api import patterns
from api.access import EVERYTHING, Rights
from api.columns import kind
from api.query import Aggregate, Filter, Query, key_order
from malha.manifest import Column, Product

_STORED = "stored"
_SOURCE = "visible"
"""The rows and columns as the caller sees them; everything that is asked is asked of these."""


class _Matches(exp.Expression, exp.Func):
    """A text that a LIKE pattern matches as a whole, by a regular expression of either engine."""

    arg_types: ClassVar = {"this": True, "java": True, "re2": True}


class _Keeps(exp.Expression, exp.Func):
    """Whether a row filter keeps a row: Spark works it out, and a copy in memory has it written."""

    arg_types: ClassVar = {"this": True, "column": True}


class _SparkGenerator(SparkGenerator):
    TRANSFORMS: ClassVar = {
        **SparkGenerator.TRANSFORMS,
        _Matches: lambda self, one: f"{self.sql(one, 'this')} RLIKE {self.sql(one, 'java')}",
        _Keeps: lambda self, one: self.sql(one, "this"),
    }

    def literal_sql(self, expression: exp.Literal) -> str:
        # Where variable substitution is on, Spark replaces ${env:NAME} before it parses.
        return super().literal_sql(expression).replace("$", "\\u0024")


class _DuckDBGenerator(DuckDBGenerator):
    TRANSFORMS: ClassVar = {
        **DuckDBGenerator.TRANSFORMS,
        _Matches: lambda self, one: (
            f"regexp_full_match({self.sql(one, 'this')}, {self.sql(one, 're2')}, 's')"
        ),
        _Keeps: lambda self, one: self.sql(one, "column"),
    }


class _SparkDialect(Spark):
    """Spark SQL in which no literal can be taken for a variable."""

    Generator = _SparkGenerator


class _DuckDBDialect(DuckDB):
    """DuckDB's SQL over copies in memory."""

    Generator = _DuckDBGenerator


def for_spark(query: exp.Query) -> str:
    """The query as Spark SQL."""
    return query.sql(dialect=_SparkDialect, comments=False)


def for_duckdb(query: exp.Query) -> str:
    """The query as DuckDB's SQL."""
    return query.sql(dialect=_DuckDBDialect, comments=False)


def stored(product: Product, snapshot: int | None) -> exp.Expr:
    """The product's table in the lake, at a snapshot where it has any."""
    table = exp.table_(product.table, db=product.schema_name, quoted=True)
    if snapshot is not None:
        version = exp.Version(this="VERSION", kind="AS OF", expression=exp.Literal.number(snapshot))
        table.set("version", version)
    # Without an alias, Spark takes the `WHERE (flag)` behind a version for one.
    return table.as_(_STORED, quoted=True)


def rows_of(query: Query, table: exp.Expr, rights: Rights) -> exp.Select:
    """The rows that a query asks for.

    Args:
        table: where the product's rows are, in either engine.
        rights: which of its rows and columns the caller sees.
    """
    if query.grouped:
        return _grouped(query, table, rights)
    tree = exp.select(*(_name(column.name) for column in query.select))
    tree = _filtered(tree, query, table, rights)
    if query.after is not None:
        tree = tree.where(_after(query), copy=False)
    return _ordered(tree, query)


def count_of(query: Query, table: exp.Expr, rights: Rights) -> exp.Select:
    """How many rows there are without limit and cursor."""
    if query.grouped and not query.select:
        return exp.select(exp.alias_(exp.Literal.number(1), "count", quoted=True))
    if query.grouped:
        inner = _filtered(exp.select(exp.Literal.number(1)), query, table, rights)
        inner = inner.group_by(*(_name(column.name) for column in query.select))
        return exp.select(_count()).from_(inner.subquery("groups"))
    return _filtered(exp.select(_count()), query, table, rights)


def copy_of(product: Product, snapshot: int) -> tuple[exp.Select, pa.Schema]:
    """All rows of a product in its key's order, for a copy in memory, and the copy's columns.

    Behind its own columns comes one for each of its row filters. Spark alone knows what their SQL
    means; in memory it is only looked up.
    """
    everything = Query(product, product.columns, sort=key_order(product), limit=None)
    tree = rows_of(everything, stored(product, snapshot), EVERYTHING)
    schema = answer_schema(everything)
    for predicate in dict.fromkeys(rule.where for rule in product.row_filters):
        name = _kept_by(predicate)
        kept = exp.Coalesce(this=_keeps(predicate), expressions=[exp.false()])
        tree = tree.select(exp.alias_(kept, name, quoted=True), copy=False)
        schema = schema.append(pa.field(name, pa.bool_()))
    return tree, schema


def answer_schema(query: Query) -> pa.Schema:
    """The names and Arrow types of the answer's columns, the same from either engine."""
    fields = [pa.field(column.name, kind(column).arrow) for column in query.select]
    fields += [pa.field(one.name, _aggregate_type(one)) for one in query.aggregates]
    return pa.schema(fields)


def _count() -> exp.Expr:
    return exp.alias_(exp.Count(this=exp.Star()), "count", quoted=True)


def _filtered(tree: exp.Select, query: Query, table: exp.Expr, rights: Rights) -> exp.Select:
    tree = tree.from_(_visible(query.product, table, rights), copy=False)
    for condition in query.filters:
        tree = tree.where(_condition(condition), copy=False)
    return tree


def _visible(product: Product, table: exp.Expr, rights: Rights) -> exp.Expr:
    """The table, or where the caller may not see all of it, a subquery of what he may see.

    Filters, sort and aggregates stand outside, so they meet a mask, never what is behind it.
    """
    if not rights.masks and not rights.predicates:
        return table
    shown = rights.masked
    columns = [
        exp.alias_(_literal(column, shown[column.name]), column.name, quoted=True)
        if column.name in shown
        else _name(column.name)
        for column in product.columns
    ]
    inner = exp.select(*columns).from_(table)
    for predicate in rights.predicates:
        inner = inner.where(_keeps(predicate))
    return inner.subquery(_SOURCE)


def _keeps(predicate: str) -> exp.Expr:
    condition = exp.paren(parse_one(predicate, dialect="spark"))
    return _Keeps(this=condition, column=_name(_kept_by(predicate)))


def _kept_by(predicate: str) -> str:
    """The column of a copy in memory that tells which rows a row filter keeps."""
    return f"kept by {hashlib.sha256(predicate.encode()).hexdigest()[:16]}"


def _condition(condition: Filter) -> exp.Expr:
    column, value = condition.column, condition.value
    name = _name(column.name)
    match condition.operator:
        case "is":
            null = exp.Is(this=name, expression=exp.Null())
            return null if value == "null" else exp.not_(null)
        case "in":
            return name.isin(*(_literal(column, one) for one in value))
        case "like":
            return _like(name, patterns.read(value))
        case "eq":
            return name.eq(_literal(column, value))
        case "ne":
            return name.neq(_literal(column, value))
        case "gt":
            return name > _literal(column, value)
        case "gte":
            return name >= _literal(column, value)
        case "lt":
            return name < _literal(column, value)
        case "lte":
            return name <= _literal(column, value)


def _like(name: exp.Column, pattern: patterns.Pattern) -> exp.Expr:
    match pattern.texts:
        case [text]:
            return name.eq(_text(text))
        case ["", text, ""]:
            return exp.Contains(this=name, expression=_text(text))
        case [text, ""]:
            return exp.StartsWith(this=name, expression=_text(text))
        case ["", text]:
            return exp.EndsWith(this=name, expression=_text(text))
        case _:
            return _Matches(this=name, java=_text(pattern.java), re2=_text(pattern.re2))


def _after(query: Query) -> exp.Expr:
    """The rows that come after the cursor's, in an order in which nulls come last."""
    columns = {column.name: column for column in query.product.columns}
    assert query.after is not None  # noqa: S101
    alternatives: list[exp.Expr] = []
    same: list[exp.Expr] = []
    for order, value in zip(query.sort, query.after, strict=True):
        name, null = _name(order.name), exp.Is(this=_name(order.name), expression=exp.Null())
        if value is None:
            same.append(null)
            continue
        literal = _literal(columns[order.name], value)
        beyond = name < literal if order.descending else name > literal
        alternatives.append(exp.and_(*same, exp.or_(beyond, null.copy())))
        same.append(name.eq(literal))
    return exp.or_(*alternatives) if alternatives else exp.false()


def _ordered(tree: exp.Select, query: Query) -> exp.Select:
    for order in query.sort:
        tree = tree.order_by(
            exp.Ordered(
                this=exp.column(order.name, quoted=True),
                desc=order.descending,
                nulls_first=False,
            ),
            copy=False,
        )
    return tree.limit(query.limit, copy=False) if query.limit is not None else tree


def _grouped(query: Query, table: exp.Expr, rights: Rights) -> exp.Select:
    tree = exp.select(*(_name(column.name) for column in query.select))
    for one in query.aggregates:
        tree = tree.select(exp.alias_(_aggregate(one), one.name, quoted=True))
    tree = _filtered(tree, query, table, rights)
    if query.select:
        tree = tree.group_by(*(_name(column.name) for column in query.select))
    return _ordered(tree, query)


def _aggregate(one: Aggregate) -> exp.Expr:
    if one.column is None:
        return exp.Count(this=exp.Star())
    name = _name(one.column.name)
    match one.function:
        case "min":
            return exp.Min(this=name)
        case "max":
            return exp.Max(this=name)
        case "count":
            return exp.Count(this=name)
        case "sum":
            return exp.cast(_sum(one.column), _sql_type(_aggregate_type(one)))
        case "avg":
            # Of the exact sum, so that both engines round the same value once. By way of its text:
            # DuckDB divides by a power of ten, which may be off by the last digit.
            total = _sum(one.column)
            if not pa.types.is_floating(kind(one.column).arrow):
                total = exp.cast(total, "text")
            total = exp.cast(total, "double")
            count = exp.Nullif(this=exp.Count(this=name), expression=exp.Literal.number(0))
            return exp.Div(this=total, expression=exp.cast(count, "double"))


def _sum(column: Column) -> exp.Expr:
    """An exact sum: integers as decimals, which do not overflow."""
    name: exp.Expr = _name(column.name)
    if pa.types.is_integer(kind(column).arrow):
        name = exp.cast(name, "decimal(38,0)")
    return exp.Sum(this=name)


def _aggregate_type(one: Aggregate) -> pa.DataType:
    if one.function == "count" or one.column is None:
        return pa.int64()
    arrow = kind(one.column).arrow
    if one.function in ("min", "max"):
        return arrow
    if one.function == "avg" or pa.types.is_floating(arrow):
        return pa.float64()
    return pa.decimal128(38, arrow.scale if pa.types.is_decimal(arrow) else 0)


def _sql_type(arrow: pa.DataType) -> str:
    return f"decimal(38,{arrow.scale})" if pa.types.is_decimal(arrow) else "double"


def _name(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _literal(column: Column, value: Any) -> exp.Expr:
    """A value as a literal of the column's type, whatever it looks like."""
    if value is None:
        inner: exp.Expr = exp.Null()
    elif isinstance(value, bool):
        inner = exp.Boolean(this=value)
    elif isinstance(value, dt.datetime):
        # strftime would write the year 1 as 1, which Spark does not read.
        inner = _text(value.astimezone(dt.UTC).isoformat(" ", "microseconds"))
    elif isinstance(value, dt.date):
        inner = _text(value.isoformat())
    elif isinstance(value, str):
        inner = _text(value)
    elif isinstance(value, Decimal):
        inner = _text(f"{value:f}")
    else:
        inner = _text(repr(value))
    return exp.Cast(this=inner, to=_type(column.data_type).copy())


@lru_cache(maxsize=1024)
def _type(data_type: str) -> exp.DataType:
    return exp.DataType.build(data_type, dialect="spark")


def _text(value: str) -> exp.Literal:
    return exp.Literal.string(value)
