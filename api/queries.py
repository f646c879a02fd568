"""Requests as sqlglot trees: the only way that anything reaches SQL.

The Thrift Server has no bind parameters. A value from outside becomes a literal of the column's
type in a tree; names come from the product's contract alone.
"""

from typing import Any

from sqlglot import exp
from sqlglot.dialects.spark import Spark
from sqlglot.generators.spark import SparkGenerator

from malha.manifest import Column, Product


class _Generator(SparkGenerator):
    def literal_sql(self, expression: exp.Literal) -> str:
        # Where variable substitution is on, Spark replaces ${env:NAME} before it parses.
        return super().literal_sql(expression).replace("$", "\\u0024")


class _Dialect(Spark):
    """Spark SQL in which no literal can be taken for a variable."""

    Generator = _Generator


def render(query: exp.Query) -> str:
    """The query as Spark SQL."""
    return query.sql(dialect=_Dialect)


def rows_of(product: Product, *, limit: int, equal: dict[Column, Any] | None = None) -> exp.Select:
    """Select a product's contracted columns, in the order of its key.

    Args:
        limit: at most so many rows.
        equal: values, of the columns' Python types, that the rows have in these columns.
    """
    table = exp.table_(product.table, db=product.schema_name, quoted=True)
    query = exp.select(*(_name(column.name) for column in product.columns)).from_(table)
    for column, value in (equal or {}).items():
        query = query.where(_name(column.name).eq(_literal(column, value)))
    if product.primary_key:
        query = query.order_by(*(_name(name) for name in product.primary_key))
    return query.limit(limit)


def _name(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _literal(column: Column, value: Any) -> exp.Expression:
    return exp.cast(exp.convert(value), column.data_type, dialect=_Dialect)
