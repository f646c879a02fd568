"""Query strings to queries, and what is refused by which parameter."""

import datetime as dt
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from api import parameters
from api.errors import InvalidRequestError
from api.query import DEFAULT_LIMIT, Aggregate, Filter, Order
from tests.api.support import TYPES, product, query


def refused(text: str) -> dict[str, str]:
    """What is said of each parameter that cannot be used."""
    with pytest.raises(InvalidRequestError) as caught:
        parameters.read(product(), text)
    return {one.parameter: one.message for one in caught.value.problems}


def test_nothing_asked_is_the_first_rows_by_the_key() -> None:
    asked = query()
    assert [one.name for one in asked.select] == list(TYPES)
    assert asked.sort == (Order("id"),)
    assert (asked.filters, asked.limit, asked.grouped) == ((), DEFAULT_LIMIT, False)
    assert asked.pages


@pytest.mark.parametrize(
    ("text", "name", "operator", "value"),
    [
        ("id=1", "id", "eq", 1),
        ("id.eq=1", "id", "eq", 1),
        ("money.ne=2.5", "money", "ne", Decimal("2.50")),
        ("day.gt=2026-01-31", "day", "gt", dt.date(2026, 1, 31)),
        ("double.gte=-1e3", "double", "gte", -1000.0),
        ("tiny.lt=%2B7", "tiny", "lt", 7),
        ("moment.lte=2026-01-31T00:00:00%2B00:00", "moment", "lte", dt.datetime(2026, 1, 31)),
        ("whole.in=3,1,2", "whole", "in", (3, 1, 2)),
        ("name.in=a,,b", "name", "in", ("a", "", "b")),
        ("name.like=D%25_%5C%25", "name", "like", "D%_\\%"),
        ("flag.is=not_null", "flag", "is", "not_null"),
        ("name=a%26b%3Dc", "name", "eq", "a&b=c"),
        ("name=S%C3%A3o+Paulo", "name", "eq", "São Paulo"),
        ("name=", "name", "eq", ""),
    ],
)
def test_column_and_operator_make_a_filter(text: str, name: str, operator: str, value: Any) -> None:
    (found,) = query(text).filters
    if isinstance(value, dt.datetime):
        value = value.replace(tzinfo=dt.UTC)
    assert (found.column.name, found.operator, found.value) == (name, operator, value)


def test_columns_named_like_parameters_are_filtered_by_their_full_name() -> None:
    of = product({"id": "bigint", "limit": "int", "a.b": "int"})
    asked = query("limit=3&limit.eq=5&a.b=1&a.b.gt=0", of)
    assert asked.limit == 3
    assert [(one.column.name, one.operator) for one in asked.filters] == [
        ("limit", "eq"),
        ("a.b", "eq"),
        ("a.b", "gt"),
    ]


def test_sort_ends_with_the_key_that_it_lacks() -> None:
    of = product({"a": "int", "b": "int", "c": "int"}, key=("a", "b"))
    assert query("sort=-c,b", of).sort == (Order("c", descending=True), Order("b"), Order("a"))


def test_groups_and_aggregates_are_the_columns_of_the_answer() -> None:
    asked = query("group_by=name,flag&aggregate=count,sum.money,count,min.day&sort=-sum_money")
    assert [one.name for one in asked.select] == ["name", "flag"]
    assert [one.name for one in asked.aggregates] == ["count", "sum_money", "min_day"]
    assert asked.sort == (Order("sum_money", descending=True), Order("name"), Order("flag"))
    assert asked.grouped
    assert not asked.pages


def test_groups_alone_are_counted() -> None:
    assert query("group_by=name").aggregates == (Aggregate("count", None),)


def test_product_without_a_key_has_no_pages() -> None:
    assert not query("", product(key=())).pages


def test_key_of_the_path_is_a_filter_too() -> None:
    of = product(lookup="whole")
    asked = query("money.gt=1", of, "7")
    assert asked.filters[-1] == Filter(of.columns[3], "eq", 7)


def test_all_rows_have_no_limit() -> None:
    assert query("limit=all").limit is None


def test_form_cursor_and_count_are_not_of_the_query() -> None:
    asked = parameters.read(product(), "format=csv&cursor=x&count=exact")
    assert (asked.format, asked.cursor, asked.count) == ("csv", "x", True)
    assert asked.query == query()


_HUGE = "9" * 400

BAD = [
    # What there is not.
    ("nope=1", "nope", "there is no such parameter"),
    ("=1", "", "there is no such parameter"),
    ("ID=1", "ID", "there is no such parameter"),
    ("Limit=1", "Limit", "there is no such parameter"),
    ("limite=5", "limite", "there is no such parameter"),
    ("nope.eq=1", "nope.eq", "there is no such parameter"),
    ("id%00=1", "id\x00", "there is no such parameter"),
    ("id%20=1", "id ", "there is no such parameter"),
    ("id;drop=1", "id;drop", "there is no such parameter"),
    ("id[gt]=1", "id[gt]", "there is no such parameter"),
    ("offset=1", "offset", "there is no such parameter"),
    ("id.=1", "id.", "'' is none of id's operators"),
    ("id.between=1", "id.between", "'between' is none of id's operators"),
    ("id.EQ=1", "id.EQ", "'EQ' is none of id's operators"),
    ("id.like=1", "id.like", "'like' is none of id's operators"),
    ("day.like=2026%25", "day.like", "'like' is none of day's operators"),
    # Values of another type.
    ("id=x", "id", "an integer such as 1"),
    ("id=1.5", "id", "an integer such as 1"),
    ("id=", "id", "an integer such as 1"),
    ("id=null", "id", "an integer such as 1"),
    ("id=9223372036854775808", "id", "an integer from"),
    (f"id={_HUGE}", "id", "an integer such as 1"),
    ("tiny=128", "tiny", "an integer from -128 to 127"),
    ("id.in=1,x", "id.in", "an integer such as 1"),
    ("id.in=1,,2", "id.in", "an integer such as 1"),
    ("double=NaN", "double", "a finite number"),
    ("double=inf", "double", "a finite number"),
    ("double=1e999", "double", "a finite number"),
    (f"double={_HUGE}", "double", "a finite number"),
    ("single=1e39", "single", "single precision"),
    ("money=nan", "money", "a number such as"),
    ("money=1.234", "money", "at most 16 digits before and 2 after"),
    (f"money={_HUGE}", "money", "a number such as"),
    ("money=1e99999", "money", "a number such as"),
    ("flag=yes", "flag", "true or false"),
    ("day=31/01/2026", "day", "a date such as"),
    ("moment=yesterday", "moment", "a moment such as"),
    ("name=" + "x" * 1001, "name", "at most 1000 characters"),
    ("name=a%00b", "name", "without the character U+0000"),
    ("name.like=" + "x" * 1001, "name.like", "at most 1000 characters"),
    ("name.like=a%5C", "name.like", "a backslash stands before"),
    ("name.like=%5Ca%25", "name.like", "a backslash stands before"),
    ("name.in=" + ",".join("x" * 101), "name.in", "at most 100 values"),
    ("name.is=nothing", "name.is", "null or not_null"),
    ("name.is=", "name.is", "null or not_null"),
    # How many.
    ("limit=0", "limit", "an integer from 1 to 10000, or all"),
    ("limit=-1", "limit", "an integer from 1 to 10000, or all"),
    ("limit=10001", "limit", "an integer from 1 to 10000, or all"),
    ("limit=1e3", "limit", "an integer from 1 to 10000, or all"),
    ("limit=", "limit", "an integer from 1 to 10000, or all"),
    ("limit=ALL", "limit", "an integer from 1 to 10000, or all"),
    ("limit=%D9%A1", "limit", "an integer from 1 to 10000, or all"),
    (f"limit={_HUGE}", "limit", "an integer from 1 to 10000, or all"),
    # Which columns, in which order.
    ("select=nope", "select", "'nope' is none of id"),
    ("select=", "select", "'' is none of id"),
    ("select=id,id", "select", "id is given more than once"),
    ("select=*", "select", "'*' is none of id"),
    ("select=id,", "select", "'' is none of id"),
    ("select=" + "x" * 5000, "select", f"'{'x' * 40}…' is none of id"),
    ("sort=nope", "sort", "'nope' is none of id"),
    ("sort=--id", "sort", "'-id' is none of id"),
    ("sort=id,-id", "sort", "id is given more than once"),
    ("sort=id desc", "sort", "'id desc' is none of id"),
    ("sort=", "sort", "'' is none of id"),
    ("group_by=name&sort=money", "sort", "'money' is none of name, count"),
    # Aggregates.
    ("aggregate=nope", "aggregate", "'nope' is none of count"),
    ("aggregate=", "aggregate", "'' is none of count"),
    ("aggregate=sum", "aggregate", "'sum' is none of count"),
    ("aggregate=sum.nope", "aggregate", "'nope' is none of id"),
    ("aggregate=sum.name", "aggregate", "sum is for numbers, and name is none"),
    ("aggregate=avg.day", "aggregate", "avg is for numbers, and day is none"),
    ("aggregate=sum.flag", "aggregate", "sum is for numbers, and flag is none"),
    ("aggregate=median.id", "aggregate", "'median.id' is none of count"),
    ("aggregate=count(*)", "aggregate", "'count(*)' is none of count"),
    ("group_by=nope", "group_by", "'nope' is none of id"),
    ("group_by=", "group_by", "'' is none of id"),
    ("aggregate=count&select=id", "select", "its groups and aggregates alone"),
    # What does not go together.
    ("cursor=x&aggregate=count", "cursor", "an aggregate query has no pages"),
    ("cursor=x&group_by=name", "cursor", "an aggregate query has no pages"),
    ("cursor=x&limit=all", "cursor", "limit=all has one page"),
    ("count=all", "count", "one of exact is needed"),
    ("count=", "count", "one of exact is needed"),
    ("format=xml", "format", "one of json, ndjson, csv, arrow, parquet is needed"),
    ("format=JSON", "format", "one of json"),
    # The same twice.
    ("id=1&id=2", "id", "it is given more than once"),
    ("limit=1&limit=1", "limit", "it is given more than once"),
    ("sort=id&sort=-id", "sort", "it is given more than once"),
    # Not a query string at all.
    ("&".join(f"p{number}=1" for number in range(101)), "", "at most 100 parameters"),
    ("name=%FF", "", "in UTF-8"),
    ("name=%C3%28", "", "in UTF-8"),
    ("name=%ED%A0%80", "", "in UTF-8"),
    ("%FF=1", "", "in UTF-8"),
]


@pytest.mark.parametrize(("text", "parameter", "message"), BAD, ids=[one[0][:40] for one in BAD])
def test_bad_parameter_is_named_with_what_is_allowed(
    text: str, parameter: str, message: str
) -> None:
    problems = refused(text)
    assert list(problems) == [parameter]
    assert message in problems[parameter]


def test_all_bad_parameters_are_named_at_once() -> None:
    problems = refused("limit=x&id=y&nope=1&sort=z")
    assert problems.keys() == {"limit", "id", "nope", "sort"}


def test_refusal_of_much_is_short() -> None:
    names = ",".join(f"n{number}" for number in range(10_000))
    with pytest.raises(InvalidRequestError) as caught:
        parameters.read(product(), f"select={names}")
    assert len(caught.value.problems) == parameters.MAX_PROBLEMS


def test_key_of_another_type_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parameters.read(product(lookup="whole"), "", "1' or 1=1")
    (problem,) = caught.value.problems
    assert (problem.parameter, problem.location) == ("whole", "path")
    assert problem.message == "an integer such as 1 is needed"


def test_cursor_of_a_product_without_a_key_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="has no key"):
        parameters.read(product(key=()), "cursor=x")


def test_aggregate_that_takes_the_name_of_a_group_is_refused() -> None:
    of = product({"id": "bigint", "count": "int", "sum_id": "int"})
    for text in ("group_by=count&aggregate=count", "group_by=sum_id&aggregate=sum.id"):
        with pytest.raises(InvalidRequestError, match="would have two columns"):
            parameters.read(of, text)


def test_all_of_a_hundred_parameters_are_read() -> None:
    of = product({f"c{number}": "int" for number in range(100)}, key=("c0",))
    assert len(query("&".join(f"c{n}={n}" for n in range(100)), of).filters) == 100


@pytest.mark.parametrize("value", ["&", "=", "%", "+", "#", "'", '"', "\\", ";", "é", "中", "😀"])
def test_escaped_text_arrives_as_it_was(value: str) -> None:
    assert query(f"name={quote(value)}").filters[0].value == value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a,b", ("a", "b")),
        ("", ("",)),
        (",", ("", "")),
        ('"a,b",c', ("a,b", "c")),
        ('"a""b"', ('a"b',)),
        ('a"b,"c', ('a"b', '"c')),
        ('"a"b', ('"a"b',)),
        ('"a,\nb"', ("a,\nb",)),
    ],
)
def test_value_with_a_comma_stands_in_quotes(text: str, values: tuple[str, ...]) -> None:
    (condition,) = query(f"name.in={quote(text)}").filters
    assert condition.value == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name=%ff", "has to be in UTF-8"),
        ("name=\u00c3\u00a9", "letters other than ASCII's"),
        ("&".join(["id=1"] * 101), "at most 100 parameters"),
    ],
)
def test_text_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        parameters.read(product(), text)
