"""Row filters, read with sqlglot before Spark ever sees them."""

from collections.abc import Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types

_REFUSED: dict[type[exp.Expr], str] = {
    exp.Query: "has a subquery: filter by the row's own columns",
    exp.Exists: "has a subquery: filter by the row's own columns",
    exp.AggFunc: "aggregates: filter by the row's own columns",
    exp.Window: "has a window: filter by the row's own columns",
    exp.Star: "has a *: name the columns",
    exp.Parameter: "has a parameter: write the value",
    exp.Placeholder: "has a parameter: write the value",
    exp.SessionParameter: "has a parameter: write the value",
}
_MAYBE = (exp.DType.UNKNOWN, exp.DType.BOOLEAN, exp.DType.NULL)


def problem_of_predicate(where: str, types: Mapping[str, str]) -> str | None:
    """What is wrong with a predicate in Spark's SQL, and what to do.

    Args:
        where: one boolean expression.
        types: the data types of the columns that it may name.
    """
    try:
        statements = sqlglot.parse(where, dialect="spark")
    except SqlglotError as error:
        reason = str(error).splitlines()[0]
        return f"is not SQL of Spark's ({reason}): write one condition"
    if len(statements) != 1:
        return f"has {len(statements)} statements: write one condition"
    tree = statements[0]
    if tree is None:
        return "is empty: write one condition"
    for node in tree.walk():
        for kind, problem in _REFUSED.items():
            # `exists(array, x -> …)` is a function of arrays.
            if isinstance(node, kind) and not isinstance(node.expression, exp.Lambda):
                return problem
    if isinstance(tree, exp.Command | exp.DDL | exp.DML | exp.Alias | exp.Tuple):
        return "is no condition: write one boolean expression"
    for column in tree.find_all(exp.Column):
        if column.table or column.name not in types:
            return (
                f"names {column.sql(dialect='spark')}, which is none of its columns "
                f"({', '.join(types)})"
            )
    if not _may_be_boolean(tree, types):
        return "is not true or false: write one boolean expression"
    return None


def _may_be_boolean(tree: exp.Expr, types: Mapping[str, str]) -> bool:
    """Whether it is a condition, as far as its form tells; of some functions only Spark knows."""
    bare = tree.unnest()
    if isinstance(bare, exp.Column):
        return types[bare.name].lower() == "boolean"
    typed = annotate_types(bare.copy(), dialect="spark")
    of_unknown_type = isinstance(bare, exp.Func | exp.Case | exp.Predicate | exp.Connector)
    return typed.type is not None and (
        typed.type.this == exp.DType.BOOLEAN or (of_unknown_type and typed.type.this in _MAYBE)
    )
