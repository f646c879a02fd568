"""Spark, DuckDB and a plain reading in Python answer every question alike."""

import asyncio
import datetime as dt
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from math import isclose, isnan
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api import queries
from api.access import EVERYTHING, Rights
from api.answers import Answer, Answers, Ask
from api.columns import kind
from api.cursors import Cursors
from api.engine import ThriftEngine
from api.errors import QueryError
from api.formats import FORMATS
from api.interrupts import Interrupts
from api.parameters import operators
from api.query import Aggregate, Filter, Function, Order, Query, key_order
from api.snapshots import Snapshot, Snapshots
from api.tier import Loaded, Tier, in_memory
from malha.manifest import Column
from malha.predicates import problem_of_predicate
from malha.serving import Mask, RowFilter
from malha.settings import Settings
from tests.api import oracle
from tests.api.every_type import POOLS, TEXTS, make
from tests.api.every_type import PRODUCT as EVERY_TYPE
from tests.mesh import Mesh, eventually

EXAMPLES = max(40, int(os.environ.get("API_EXAMPLES", "0")) // 10)

FILTERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "name like 'a%' or flag": lambda row: (row["name"] or "").startswith("a") or row["flag"],
    "money > 0 and (day is null or day >= date'1970-01-01')": lambda row: (
        (row["money"] or 0) > 0 and (row["day"] or dt.date(1970, 1, 1)) >= dt.date(1970, 1, 1)
    ),
    "name <> 'a\\\\b'": lambda row: row["name"] not in (None, "a\\b"),
    "whole < 7": lambda row: row["whole"] is not None and row["whole"] < 7,
    "flag": lambda row: row["flag"],
}
"""Row filters, and what they mean."""

PRODUCT = EVERY_TYPE.model_copy(
    update={"row_filters": tuple(RowFilter(unless="x", where=where) for where in FILTERS)}
)
COLUMNS = {column.name: column for column in PRODUCT.columns}


@dataclass
class Both:
    """The table in both engines."""

    settings: Settings
    engine: ThriftEngine
    tier: Tier
    loaded: Loaded
    rows: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[str, set[Any]] = field(default_factory=dict)
    """By row filter, the ids of the rows that it keeps, as Python finds them."""

    def agree(self, questions: list[tuple[Query, Rights]]) -> None:
        """See that both answer alike; Spark is asked several questions at a time."""
        with ThreadPoolExecutor(len(questions)) as pool:
            of_spark = list(pool.map(lambda one: self.spark(*one), questions))
        for (query, rights), found in zip(questions, of_spark, strict=True):
            same(found, self.duckdb(query, rights), floating(query))
            same(found, oracle.answer(query, rights, self.rows, self.kept), floating(query))

    def spark(self, query: Query, rights: Rights = EVERYTHING) -> pa.Table:
        stored = queries.stored(PRODUCT, self.loaded.snapshot)
        sql = queries.for_spark(queries.rows_of(query, stored, rights))
        return self.engine.fetch(sql, queries.answer_schema(query))

    def duckdb(self, query: Query, rights: Rights = EVERYTHING) -> pa.Table:
        sql = queries.for_duckdb(queries.rows_of(query, in_memory(self.loaded.table), rights))
        schema = queries.answer_schema(query)
        return pa.Table.from_batches(self.tier.stream(sql, schema, Interrupts()), schema)

    def answers(self, query: Query, rights: Rights) -> tuple[Answer, Answer]:
        """Spark's answer, and that of memory."""
        settings = self.settings.model_copy(update={"api_cache_mb": 0})
        snapshot = Snapshot(self.loaded.snapshot, None, None, None)
        ask = Ask(query, "", snapshot, rights, FORMATS["json"], None)

        async def answer(tier: Tier) -> Answer:
            answers = Answers(settings, self.engine, tier, Cursors("secret", 60))
            try:
                return await answers.answer(ask, stays)
            finally:
                answers.close()

        async def stays() -> None:
            await asyncio.Event().wait()

        nothing = Tier(settings, self.engine)
        return asyncio.run(answer(nothing)), asyncio.run(answer(self.tier))


@pytest.fixture(scope="module")
def both(mesh: Mesh) -> Iterator[Both]:
    make(mesh)
    engine = ThriftEngine(mesh.settings)
    tier = Tier(mesh.settings, engine)
    tier.start()
    snapshot = Snapshots(mesh.settings, tier.offer).current(PRODUCT)
    assert snapshot is not None
    eventually(lambda: tier.find(PRODUCT, snapshot.id) is not None, seconds=60)
    loaded = tier.find(PRODUCT, snapshot.id)
    assert loaded is not None
    found = Both(mesh.settings, engine, tier, loaded)
    found.rows = found.spark(
        Query(PRODUCT, PRODUCT.columns, sort=(Order("id"),), limit=None)
    ).to_pylist()
    found.kept = {
        where: {row["id"] for row in found.rows if keeps(row)} for where, keeps in FILTERS.items()
    }
    yield found
    tier.close()
    engine.close()
    mesh.query("drop table ouro.every_type purge")


def floating(query: Query) -> frozenset[str]:
    """The sums and averages of floats in its answer."""
    return frozenset(
        one.name
        for one in query.aggregates
        if one.function in ("sum", "avg") and one.column and one.column.name in ("single", "double")
    )


def same(left: pa.Table, right: pa.Table, rounded: frozenset[str]) -> None:
    """See that two answers are equal; sums of floats only to their last digits, as the order in
    which they are summed is nobody's."""
    assert left.schema == right.schema
    assert left.num_rows == right.num_rows
    for name in left.schema.names:
        for one, other in zip(left[name].to_pylist(), right[name].to_pylist(), strict=True):
            assert _equal(one, other, name in rounded), (name, one, other)


def _equal(one: Any, other: Any, rounded: bool) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        if isnan(one) or isnan(other):
            return isnan(one) and isnan(other)
        return one == other or (rounded and isclose(one, other, rel_tol=1e-9))
    return bool(one == other)


def _values(column: Column) -> st.SearchStrategy[Any]:
    """What a request can ask of a column."""
    known = kind(column)
    pool = TEXTS if known.text else POOLS.get(column.name, ("0", "5", "119"))
    if pa.types.is_floating(known.arrow):
        pool = tuple(text for text in pool if "n" not in text)
    parsed = st.sampled_from([known.parse(text) for text in pool])
    if known.text:
        # Java has no text with half a character, and a request none with U+0000.
        characters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
        return parsed | st.text(characters, max_size=20)
    if pa.types.is_floating(known.arrow):
        single = pa.types.is_float32(known.arrow)
        return parsed | st.floats(allow_nan=False, allow_infinity=False, width=32 if single else 64)
    return parsed


_PATTERNS = st.lists(
    st.sampled_from(
        ["%", "_", "\\%", "\\_", "\\\\", "a", "b", "A", "é", "😀", "'", "\n", "$", "x"]
    ),
    max_size=8,
).map("".join)


@st.composite
def _filters(draw: st.DrawFn) -> Filter:
    column = draw(st.sampled_from(PRODUCT.columns))
    operator: Any = draw(st.sampled_from(operators(column)))
    value: Any
    match operator:
        case "is":
            value = draw(st.sampled_from(["null", "not_null"]))
        case "in":
            value = tuple(draw(st.lists(_values(column), min_size=1, max_size=5)))
        case "like":
            value = draw(_PATTERNS)
        case _:
            value = draw(_values(column))
    return Filter(column, operator, value)


def _orders(names: list[str], implied: list[str]) -> st.SearchStrategy[tuple[Order, ...]]:
    chosen = st.lists(
        st.builds(Order, st.sampled_from(names), st.booleans()),
        max_size=3,
        unique_by=lambda order: order.name,
    )
    return chosen.map(
        lambda orders: (
            *orders,
            *(Order(name) for name in implied if name not in {order.name for order in orders}),
        )
    )


_LIMITS = st.sampled_from([1, 2, 10, 1000, None])


@st.composite
def _pages(draw: st.DrawFn) -> Query:
    names = list(COLUMNS)
    select = draw(st.permutations(PRODUCT.columns))[: draw(st.integers(1, len(names)))]
    sort = draw(_orders(names, ["id"]))
    after = None
    if draw(st.booleans()):
        after = tuple(draw(_anything(COLUMNS[order.name])) for order in sort)
    return Query(
        PRODUCT,
        tuple(select),
        tuple(draw(st.lists(_filters(), max_size=3))),
        sort,
        draw(_LIMITS),
        after,
    )


def _anything(column: Column) -> st.SearchStrategy[Any]:
    """What a row, and so a cursor, can have in a column."""
    values = _values(column)
    if pa.types.is_floating(kind(column).arrow):
        values |= st.sampled_from([float("nan"), float("inf"), float("-inf"), -0.0])
    return values if column.name == "id" else values | st.none()


@st.composite
def _aggregates(draw: st.DrawFn) -> Query:
    groups = draw(st.lists(st.sampled_from(PRODUCT.columns), max_size=2, unique=True))
    aggregates = draw(st.lists(_functions(), min_size=1, max_size=4, unique=True))
    names = [column.name for column in groups]
    return Query(
        PRODUCT,
        tuple(groups),
        tuple(draw(st.lists(_filters(), max_size=2))),
        draw(_orders([*names, *(one.name for one in aggregates)], names)),
        draw(_LIMITS),
        aggregates=tuple(aggregates),
        grouped=True,
    )


@st.composite
def _functions(draw: st.DrawFn) -> Aggregate:
    column = draw(st.none() | st.sampled_from(PRODUCT.columns))
    if column is None:
        return Aggregate("count", None)
    functions: list[Function] = ["count", "min", "max"]
    if kind(column).number:
        functions += ["sum", "avg"]
    return Aggregate(draw(st.sampled_from(functions)), column)


_RIGHTS = st.sampled_from(
    [
        EVERYTHING,
        EVERYTHING,
        Rights((Mask(column="name", unless="x", show="***"),)),
        Rights((Mask(column="double", unless="x", show=None),), ("name like 'a%' or flag",)),
        Rights((), ("money > 0 and (day is null or day >= date'1970-01-01')",)),
        Rights((Mask(column="moment", unless="x", show=None),), ("name <> 'a\\\\b'", "whole < 7")),
        Rights((), ("flag",)),
    ]
)

_TOGETHER = 4
"""Questions of an example."""

_COPIED = 20
"""Row filters of one copy."""


def _several(queries: st.SearchStrategy[Query]) -> st.SearchStrategy[list[tuple[Query, Rights]]]:
    """So many questions, each with what its caller may see."""
    return st.lists(st.tuples(queries, _RIGHTS), min_size=_TOGETHER, max_size=_TOGETHER)


_generated = settings(
    max_examples=EXAMPLES // _TOGETHER,
    deadline=None,
    derandomize=EXAMPLES <= 40,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


def test_both_have_every_row(both: Both) -> None:
    query = Query(PRODUCT, PRODUCT.columns, sort=(Order("id"),), limit=None)
    same(both.spark(query), both.duckdb(query), frozenset())
    assert both.duckdb(query).num_rows == 120


@pytest.mark.timeout(7200)
@_generated
@given(questions=_several(_pages()))
def test_rows_are_the_same(both: Both, questions: list[tuple[Query, Rights]]) -> None:
    both.agree(questions)


def _settled(query: Query) -> Query:
    """The query by what it can be sorted by: groups of a float may differ in their last digits, and
    so in their order."""
    return replace(query, sort=tuple(o for o in query.sort if o.name not in floating(query)))


@pytest.mark.timeout(7200)
@_generated
@given(questions=_several(_aggregates().map(_settled)))
def test_aggregates_are_the_same(both: Both, questions: list[tuple[Query, Rights]]) -> None:
    both.agree(questions)


def _of(template: str, *parts: Any) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda found: template.format(*found))


_TEXT = st.sampled_from(["name", "'a'", "'é'", "'%'", "'I'", "upper(name)"])
_NUMBER = st.sampled_from(["whole", "small", "money", "double", "3", "-1", "0.5"])
_SMALL = st.sampled_from(["0", "1", "2", "-1"])
_TEXTS_OF = st.one_of(
    _TEXT,
    *(
        _of(one, _TEXT)
        for one in ("lower({})", "upper({})", "trim({})", "md5({})", "sha2({}, 256)")
    ),
    _of("substring({}, {}, {})", _TEXT, _SMALL, _SMALL),
    _of("left({}, {})", _TEXT, _SMALL),
    _of("right({}, {})", _TEXT, _SMALL),
    _of("lpad({}, 3, 'x')", _TEXT),
    _of("replace({}, {}, {})", _TEXT, _TEXT, _TEXT),
    _of("regexp_extract({}, '(.)', 1)", _TEXT),
    *(_of(one, _TEXT, _TEXT) for one in ("concat({}, {})", "{} || {}", "coalesce({}, {})")),
    *(_of(one, _TEXT, _TEXT) for one in ("nullif({}, {})", "if(flag, {}, {})", "greatest({}, {})")),
)
_NUMBERS_OF = st.one_of(
    _NUMBER,
    *(_of(one, _NUMBER) for one in ("abs({})", "sign({})", "-({})", "cast({} as double)")),
    *(_of(one, _NUMBER) for one in ("ceil({})", "floor({})", "round({}, 1)", "round({})")),
    *(_of(one, _NUMBER, _SMALL) for one in ("{} + {}", "{} - {}", "{} * {}")),
    _of("{} / nullif({}, 0)", _NUMBER, _SMALL),
    _of("{} % 7", _NUMBER),
    _of(
        "whole div 7",
    ),
    _of("power(tiny, {})", _SMALL),
    _of("sqrt(abs({}))", _NUMBER),
    *(_of(one, _TEXT) for one in ("length({})", "instr({}, 'a')")),
    *(
        _of(one + "({})", st.sampled_from(["day", "moment"]))
        for one in ("year", "month", "day", "quarter", "dayofweek", "dayofyear", "weekofyear")
    ),
    *(_of(one + "(moment)") for one in ("hour", "minute", "second")),
    _of("least({}, {})", _NUMBER, _NUMBER),
    _of("case when flag then {} when flag is null then {} end", _NUMBER, _NUMBER),
)
_COMPARED = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "<=>"])
_LEAVES = st.one_of(
    st.sampled_from(["flag", "flag is not null", "not flag", "isnan(double)", "flag is true"]),
    _of("{} {} {}", _TEXTS_OF, _COMPARED, _TEXTS_OF),
    _of("{} {} {}", _NUMBERS_OF, _COMPARED, _NUMBERS_OF),
    _of("{} in ({}, {})", _TEXTS_OF, _TEXT, _TEXT),
    _of("{} between {} and {}", _NUMBERS_OF, _NUMBER, _NUMBER),
    _of("{} is null", _TEXTS_OF),
    _of("name like '{}'", st.sampled_from(["a%", "_", "%b%", "a!%b", r"\\_%", r"\\\\%", "%_é%"])),
    _of("name like '{}' escape '!'", st.sampled_from(["a!%%", "!_%", "%!!%"])),
    _of("name ilike 'A%'"),
    _of("name rlike '{}'", st.sampled_from(["^a", "b$", "[0-9]+", "."])),
    *(_of(one + "({}, {})", _TEXT, _TEXT) for one in ("startswith", "endswith", "contains")),
    _of("day {} date'1970-01-01'", _COMPARED),
    _of("moment {} timestamp'2026-01-31 12:00:00'", _COMPARED),
    _of("date_trunc('month', moment) = timestamp'2026-01-01'"),
    _of("to_date(moment) {} day", _COMPARED),
)
PREDICATES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        _of("({}) and {}", inner, inner), _of("{} or ({})", inner, inner), _of("not ({})", inner)
    ),
    max_leaves=3,
)


@pytest.mark.timeout(7200)
@settings(_generated, max_examples=max(1, EXAMPLES // _COPIED))
@given(predicates=st.lists(PREDICATES, min_size=_COPIED, max_size=_COPIED, unique=True))
def test_row_filters_keep_the_rows_that_spark_keeps_by_their_own_text(
    both: Both, predicates: list[str]
) -> None:
    types = {column.name: column.data_type for column in PRODUCT.columns}
    for where in predicates:
        assert problem_of_predicate(where, types) is None, where
    stored = f"ouro.every_type version as of {both.loaded.snapshot} as stored"
    ids = pa.schema([pa.field("id", pa.int64())])

    def kept(where: str) -> list[int] | None:
        try:
            found = both.engine.fetch(f"select id from {stored} where {where}", ids)
        except QueryError:
            return None  # as where a number is too large
        return sorted(found["id"].to_pylist())

    with ThreadPoolExecutor(_TOGETHER) as pool:
        of_spark = dict(zip(predicates, pool.map(kept, predicates), strict=True))
    meant = {where: rows for where, rows in of_spark.items() if rows is not None}
    assert len(meant) >= len(predicates) // 2
    rules = tuple(RowFilter(unless="x", where=where) for where in meant)
    product = PRODUCT.model_copy(update={"row_filters": rules})
    loaded = both.tier._copy(product, both.loaded.snapshot)
    assert loaded is not None
    question = Query(product, product.columns[:1], limit=None)
    for where, rows in meant.items():
        sql = queries.for_duckdb(
            queries.rows_of(question, in_memory(loaded.table), Rights((), (where,)))
        )
        batches = both.tier.stream(sql, ids, Interrupts())
        assert sorted(pa.Table.from_batches(batches, ids)["id"].to_pylist()) == rows, where


@st.composite
def _lookups(draw: st.DrawFn) -> Query:
    query = draw(_pages())
    wanted = Filter(COLUMNS["whole"], "eq", draw(_values(COLUMNS["whole"])))
    query = replace(query, filters=(wanted, *query.filters), limit=query.limit or 5)
    if draw(st.booleans()):
        query = replace(query, filters=(wanted,), sort=key_order(PRODUCT), after=None)
    return query


_SECRET_NUMBER = Rights((Mask(column="whole", unless="x", show=None),))


@pytest.mark.timeout(7200)
@settings(_generated, max_examples=EXAMPLES)
@given(query=_lookups(), rights=_RIGHTS | st.just(_SECRET_NUMBER))
def test_lookups_are_answered_alike(both: Both, query: Query, rights: Rights) -> None:
    assert both.loaded.lookup is not None
    spark, memory = both.answers(query, rights)
    assert (spark.source, memory.source) == ("thrift", "tier")
    assert spark.body == memory.body
    assert (spark.cursor is None) == (memory.cursor is None)


@pytest.mark.parametrize("name", list(COLUMNS))
@pytest.mark.parametrize("descending", [False, True])
def test_pages_are_all_rows_each_once(both: Both, name: str, descending: bool) -> None:
    orders = (Order(name, descending),) + ((Order("id"),) if name != "id" else ())
    query = Query(PRODUCT, PRODUCT.columns, sort=orders, limit=None)
    whole = both.duckdb(query)
    paged = replace(query, limit=50)
    found: list[int] = []
    while (page := both.duckdb(paged)).num_rows:
        found += page["id"].to_pylist()
        last = page.slice(page.num_rows - 1)
        paged = replace(paged, after=tuple(last[one.name][0].as_py() for one in orders))
    assert found == whole["id"].to_pylist()
