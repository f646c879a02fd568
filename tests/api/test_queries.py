"""Questions as trees, in the SQL of both engines."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp, parse_one

from api import queries
from api.access import EVERYTHING, Rights
from api.query import Filter, Query
from malha.serving import Mask
from tests.api.support import product, query, spark

SMALL = product({"id": "bigint", "name": "string", "money": "decimal(18,2)"})
MASKED = Rights((Mask(column="name", unless="x", show="***"),), ("money > 1 or id = 1",))


def small(text: str = "") -> Query:
    return query(text, SMALL)


def duckdb(asked: Query, rights: Rights = EVERYTHING) -> str:
    return queries.for_duckdb(queries.rows_of(asked, exp.table_("t", quoted=True), rights))


def where(text: str) -> str:
    """The condition that a query string makes, as Spark has it."""
    return spark(query(text)).partition(" WHERE ")[2].partition(" ORDER BY ")[0]


def test_contracted_columns_are_selected_in_the_order_of_the_key() -> None:
    assert spark(small()) == (
        "SELECT `id`, `name`, `money` FROM `ouro`.`thing` AS `stored` "
        "ORDER BY `id` ASC NULLS LAST LIMIT 10"
    )
    assert duckdb(small()) == 'SELECT "id", "name", "money" FROM "t" ORDER BY "id" ASC LIMIT 10'


def test_table_is_read_at_its_snapshot() -> None:
    assert "FROM `ouro`.`thing` VERSION AS OF 7 AS `stored` ORDER" in spark(small(), snapshot=7)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("id=1", "`id` = CAST('1' AS BIGINT)"),
        ("id=-1", "`id` = CAST('-1' AS BIGINT)"),
        ("tiny.ne=1", "`tiny` <> CAST('1' AS TINYINT)"),
        ("money.gte=1.5", "`money` >= CAST('1.50' AS DECIMAL(18, 2))"),
        ("single.lt=0.1", "`single` < CAST('0.1' AS FLOAT)"),
        ("double.gt=1e300", "`double` > CAST('1e+300' AS DOUBLE)"),
        ("name=Alice", "`name` = CAST('Alice' AS STRING)"),
        ("flag=true", "`flag` = CAST(TRUE AS BOOLEAN)"),
        ("day.lte=2026-01-31", "`day` <= CAST('2026-01-31' AS DATE)"),
        (
            "moment=0001-01-01T00:00:00Z",
            "`moment` = CAST('0001-01-01 00:00:00.000000+00:00' AS TIMESTAMP)",
        ),
        ("id.in=1,2", "`id` IN (CAST('1' AS BIGINT), CAST('2' AS BIGINT))"),
        ("name.is=null", "`name` IS NULL"),
        ("name.is=not_null", "NOT `name` IS NULL"),
        ("name.like=a", "`name` = 'a'"),
        ("name.like=a%25", "STARTSWITH(`name`, 'a')"),
        ("name.like=%25a", "ENDSWITH(`name`, 'a')"),
        ("name.like=%25a%25", "CONTAINS(`name`, 'a')"),
        ("name.like=a_%25b", r"`name` RLIKE '(?s)\\Aa..*b\\z'"),
        (
            "id.gt=1&name=x",
            "`id` > CAST('1' AS BIGINT) AND `name` = CAST('x' AS STRING)",
        ),
    ],
)
def test_filter_becomes_a_condition(text: str, condition: str) -> None:
    assert where(text) == condition


@pytest.mark.parametrize(
    ("value", "of_spark", "of_duckdb"),
    [
        ("D'Ávila", "'D\\'Ávila'", "'D''Ávila'"),
        ("' or 1=1 --", "'\\' or 1=1 --'", "''' or 1=1 --'"),
        ("\\' or 1=1 --", "'\\\\\\' or 1=1 --'", "'\\'' or 1=1 --'"),
        ("${env:HOME}", "'\\u0024{env:HOME}'", "'${env:HOME}'"),
        ("\\${env:HOME}", "'\\\\\\u0024{env:HOME}'", "'\\${env:HOME}'"),
        ("a`; drop table x; --", "'a`; drop table x; --'", "'a`; drop table x; --'"),
        ("/* a */ $$x$$", "'/* a */ \\u0024\\u0024x\\u0024\\u0024'", "'/* a */ $$x$$'"),
        ("a\nb\tc", "'a\\nb\\tc'", "'a\nb\tc'"),
    ],
)
def test_text_stays_inside_its_literal(value: str, of_spark: str, of_duckdb: str) -> None:
    asked = small()
    filtered = replace(asked, filters=(Filter(asked.select[1], "eq", value),))
    assert f"CAST({of_spark} AS STRING)" in spark(filtered)
    assert f"CAST({of_duckdb} AS TEXT)" in duckdb(filtered)


@pytest.mark.parametrize("dialect", ["spark", "duckdb"])
@pytest.mark.parametrize(
    "value",
    ["a", "'", "\\", "\\'", "''", "\\\\'", '"', "`", "--", "*/", "\n", "\r\n", "\x1a", "’", "＇"],  # noqa: RUF001
)
def test_text_is_read_back_as_it_was(dialect: str, value: str) -> None:
    asked = small()
    filtered = replace(asked, filters=(Filter(asked.select[1], "eq", value),))
    sql = spark(filtered) if dialect == "spark" else duckdb(filtered)
    literals = [one.name for one in parse_one(sql, dialect=dialect).find_all(exp.Literal)]
    assert sorted(literals) == sorted([value, "10"])


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("sort=-name", "ORDER BY `name` DESC, `id` ASC NULLS LAST"),
        ("sort=money,-id", "ORDER BY `money` ASC NULLS LAST, `id` DESC LIMIT"),
    ],
)
def test_nulls_come_last_in_either_direction(text: str, order: str) -> None:
    # Where it is not said, Spark has them last: it takes them for the least of all.
    assert order in spark(small(text))


def test_all_rows_have_no_limit() -> None:
    assert "LIMIT" not in spark(small("limit=all"))


def page(text: str, *after: Any) -> str:
    return spark(replace(small(text), after=after)).partition(" WHERE ")[2].partition(" ORDER")[0]


def test_page_begins_behind_the_key_of_the_row_before() -> None:
    assert page("", 7) == "`id` > CAST('7' AS BIGINT) OR `id` IS NULL"


def test_page_of_a_descending_order_goes_down_and_ends_with_nulls() -> None:
    beyond = "`money` < CAST('1.50' AS DECIMAL(18, 2)) OR `money` IS NULL"
    same = "`money` = CAST('1.50' AS DECIMAL(18, 2))"
    assert page("sort=-money", Decimal("1.50"), 7) == (
        f"({beyond}) OR ({same} AND (`id` > CAST('7' AS BIGINT) OR `id` IS NULL))"
    )


def test_place_of_a_page_and_filters_hold_together() -> None:
    assert page("name=x", 7) == (
        "`name` = CAST('x' AS STRING) AND (`id` > CAST('7' AS BIGINT) OR `id` IS NULL)"
    )


def test_page_behind_a_null_stays_among_the_nulls() -> None:
    assert page("sort=name", None, 7) == (
        "`name` IS NULL AND (`id` > CAST('7' AS BIGINT) OR `id` IS NULL)"
    )


def test_page_behind_nulls_alone_is_empty() -> None:
    assert page("", None) == "FALSE"


def test_mask_and_row_filter_stand_below_all_that_is_asked() -> None:
    text = "name=Alice&sort=-name&select=id"
    assert spark(small(text), rights=MASKED) == (
        "SELECT `id` FROM (SELECT `id`, CAST('***' AS STRING) AS `name`, `money` "
        "FROM `ouro`.`thing` AS `stored` WHERE (money > 1 OR id = 1)) AS visible "
        "WHERE `name` = CAST('Alice' AS STRING) "
        "ORDER BY `name` DESC, `id` ASC NULLS LAST LIMIT 10"
    )


@pytest.mark.parametrize(
    "text",
    [
        "name=Alice",
        "name.like=A%25",
        "sort=name",
        "group_by=name",
        "aggregate=min.name,max.name",
        "group_by=name&aggregate=sum.money&sort=-sum_money",
        "name.in=a,b&select=money",
    ],
)
@pytest.mark.parametrize("dialect", ["spark", "duckdb"])
def test_masked_column_is_named_nowhere_but_in_its_mask(text: str, dialect: str) -> None:
    asked = small(text)
    sql = spark(asked, rights=MASKED) if dialect == "spark" else duckdb(asked, MASKED)
    tree = parse_one(sql, dialect=dialect)
    inner = tree.find(exp.Subquery)
    assert inner is not None
    assert "name" not in {one.name for one in inner.find_all(exp.Column)}
    assert not [
        table for table in tree.find_all(exp.Table) if not table.find_ancestor(exp.Subquery)
    ]
    (where,) = list(inner.find_all(exp.Where))
    # Spark works the row filter out; in memory it is looked up.
    assert isinstance(where.this, exp.Paren if dialect == "spark" else exp.Column)


def test_count_is_of_what_is_visible_too() -> None:
    tree = queries.count_of(small("name=x"), queries.stored(SMALL, 7), MASKED)
    sql = queries.for_spark(tree)
    assert sql.startswith("SELECT COUNT(*) AS `count` FROM (SELECT `id`, CAST('***' AS STRING)")
    assert "LIMIT" not in sql


def test_masked_number_is_a_null_of_its_type() -> None:
    rights = Rights((Mask(column="money", unless="x", show=None),))
    assert "CAST(NULL AS DECIMAL(18, 2)) AS `money`" in spark(small(), rights=rights)


def test_aggregates_are_exact_in_both_engines() -> None:
    text = "group_by=name&aggregate=count,count.money,sum.money,sum.id,avg.id,min.name"
    assert spark(small(text)) == (
        "SELECT `name`, COUNT(*) AS `count`, COUNT(`money`) AS `count_money`, "
        "CAST(SUM(`money`) AS DECIMAL(38, 2)) AS `sum_money`, "
        "CAST(SUM(CAST(`id` AS DECIMAL(38, 0))) AS DECIMAL(38, 0)) AS `sum_id`, "
        "CAST(CAST(SUM(CAST(`id` AS DECIMAL(38, 0))) AS STRING) AS DOUBLE) / "
        "CAST(NULLIF(COUNT(`id`), 0) AS DOUBLE) AS `avg_id`, "
        "MIN(`name`) AS `min_name` "
        "FROM `ouro`.`thing` AS `stored` GROUP BY `name` ORDER BY `name` ASC NULLS LAST LIMIT 10"
    )


def test_groups_are_counted_by_their_number() -> None:
    sql = queries.for_spark(
        queries.count_of(small("group_by=name"), queries.stored(SMALL, None), EVERYTHING)
    )
    inner = "SELECT 1 FROM `ouro`.`thing` AS `stored` GROUP BY"
    assert sql.startswith(f"SELECT COUNT(*) AS `count` FROM ({inner}")


def test_aggregate_of_all_rows_is_one_row() -> None:
    tree = queries.count_of(small("aggregate=count"), queries.stored(SMALL, None), EVERYTHING)
    assert queries.for_spark(tree) == "SELECT 1 AS `count`"


def test_answer_has_the_types_of_the_contract() -> None:
    schema = queries.answer_schema(small("group_by=name&aggregate=count,sum.money,sum.id,avg.id"))
    assert schema == pa.schema(
        [
            pa.field("name", pa.string()),
            pa.field("count", pa.int64()),
            pa.field("sum_money", pa.decimal128(38, 2)),
            pa.field("sum_id", pa.decimal128(38, 0)),
            pa.field("avg_id", pa.float64()),
        ]
    )


def test_names_of_columns_are_quoted() -> None:
    of = product({"id": "bigint", "order": "int", "a`b": "int"})
    assert spark(query("order=1&sort=-order", of)).startswith("SELECT `id`, `order`, `a``b` FROM")


def test_moment_of_another_zone_is_written_in_utc() -> None:
    asked = query("moment=2026-01-31T12:00:00%2B03:00")
    assert asked.filters[0].value == dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)
    assert "'2026-01-31 09:00:00.000000+00:00'" in spark(asked)
