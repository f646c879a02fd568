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

_FUNCTIONS: dict[str, tuple[type[exp.Expr], ...]] = {
    "abs": (exp.Abs,),
    "ceil": (exp.Ceil,),
    "coalesce": (exp.Coalesce,),
    "concat": (exp.Concat, exp.DPipe),
    "contains": (exp.Contains,),
    "date_trunc": (exp.TimestampTrunc, exp.DateTrunc),
    "day": (exp.Day,),
    "dayofweek": (exp.DayOfWeek,),
    "dayofyear": (exp.DayOfYear,),
    "endswith": (exp.EndsWith,),
    "floor": (exp.Floor,),
    "greatest": (exp.Greatest,),
    "hour": (exp.Hour,),
    "if": (exp.If, exp.Case),
    "instr": (exp.StrPosition,),
    "isnan": (exp.IsNan,),
    "least": (exp.Least,),
    "left": (exp.Left,),
    "length": (exp.Length,),
    "lower": (exp.Lower,),
    "lpad": (exp.Pad,),
    "md5": (exp.MD5,),
    "minute": (exp.Minute,),
    "month": (exp.Month,),
    "nullif": (exp.Nullif,),
    "power": (exp.Pow,),
    "quarter": (exp.Quarter,),
    "regexp_extract": (exp.RegexpExtract,),
    "replace": (exp.Replace,),
    "right": (exp.Right,),
    "round": (exp.Round,),
    "second": (exp.Second,),
    "sha2": (exp.SHA2,),
    "sign": (exp.Sign,),
    "sqrt": (exp.Sqrt,),
    "startswith": (exp.StartsWith,),
    "substring": (exp.Substring,),
    "to_date": (exp.TsOrDsToDate,),
    "trim": (exp.Trim,),
    "upper": (exp.Upper,),
    "weekofyear": (exp.WeekOfYear,),
    "year": (exp.Year,),
}
"""What a filter may call: the same row gives the same result, whoever asks, whenever and where."""

_PLAIN: tuple[type[exp.Expr], ...] = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Var),
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.GT, exp.GTE, exp.LT, exp.LTE),
    *(exp.Is, exp.In, exp.Between, exp.Like, exp.ILike, exp.Escape, exp.RegexpLike),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.Interval),
    *(exp.Cast, exp.TryCast, exp.DataType, exp.DataTypeParam),
)
_ALLOWED = _PLAIN + sum(_FUNCTIONS.values(), ())

_CLOCK = ("now", "today", "tomorrow", "yesterday")
"""Texts that Spark takes for a moment where one is wanted."""

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
    if isinstance(tree, exp.Command | exp.DDL | exp.DML | exp.Alias | exp.Tuple):
        return "is no condition: write one boolean expression"
    for node in tree.walk():
        if problem := _problem_of_node(node):
            return problem
    for column in tree.find_all(exp.Column):
        if column.table or column.name not in types:
            return (
                f"names {column.sql(dialect='spark')}, which is none of its columns "
                f"({', '.join(types)})"
            )
    if not _may_be_boolean(tree, types):
        return "is not true or false: write one boolean expression"
    return None


def _problem_of_node(node: exp.Expr) -> str | None:
    for kind, problem in _REFUSED.items():
        if isinstance(node, kind):
            return problem
    if isinstance(node, exp.Literal) and node.is_string:
        words = node.name.lower().split(maxsplit=1)
        if words and words[0] in _CLOCK:
            return (
                f"has {node.name!r}, which Spark may take for a moment: a filter says the same "
                "at any time"
            )
    if not isinstance(node, _ALLOWED):
        return (
            f"has {node.sql(dialect='spark')}: a filter is made of columns, values, comparisons, "
            f"arithmetic, casts, and {', '.join(_FUNCTIONS)}"
        )
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
