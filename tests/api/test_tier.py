"""What is in memory, and when: copies by snapshot, their limits, and what they answer."""

import asyncio
import gc
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pyarrow as pa
import pytest

from api.access import EVERYTHING
from api.answers import Answer, Answers, Ask
from api.cursors import Cursors
from api.engine import ThriftEngine
from api.errors import QueryError
from api.formats import FORMATS
from api.interrupts import Interrupts
from api.snapshots import Snapshot
from api.tier import Loaded, Tier
from malha.serving import RowFilter
from malha.settings import Settings
from tests.api.support import product, query
from tests.mesh import eventually

PRODUCT = product(
    {"id": "bigint", "owner": "bigint", "name": "string", "ratio": "double"}, lookup="owner"
)


class FakeSpark:
    """Has so many rows, of three owners in turn and one row without."""

    def __init__(self, rows: int = 9) -> None:
        self.rows = rows
        self.runs = 0
        self.error: Exception | None = None
        self.may = threading.Event()
        self.may.set()

    def stream(
        self, _sql: str, schema: pa.Schema, _interrupts: Interrupts, *, whole: bool
    ) -> Generator[pa.RecordBatch]:
        assert whole
        self.runs += 1
        self.may.wait(10)
        if self.error:
            raise self.error
        rows = [
            {
                "id": number,
                "owner": number % 3 if number else None,
                "name": f"n{number}",
                "ratio": float("nan") if number == 3 else float(number),
            }
            for number in range(self.rows)
        ]
        yield from pa.Table.from_pylist(rows, schema=schema).to_batches(
            max_chunksize=-(-self.rows // 3)
        )


@contextmanager
def tier_of(spark: FakeSpark, **settings: Any) -> Iterator[Tier]:
    tier = Tier(Settings(**settings), cast("ThriftEngine", spark))
    tier.start()
    try:
        yield tier
    finally:
        tier.close()


def at(number: int, rows: int | None = None) -> Snapshot:
    return Snapshot(number, None, rows, None)


def load(tier: Tier, number: int = 1) -> Loaded:
    tier.offer(PRODUCT, at(number))
    eventually(lambda: tier.find(PRODUCT, number) is not None, seconds=10)
    loaded = tier.find(PRODUCT, number)
    assert loaded is not None
    return loaded


def answer(tier: Tier, spark: FakeSpark, text: str, key: str | None = None) -> Answer:
    engine = cast("ThriftEngine", spark)
    answers = Answers(Settings(api_cache_mb=0), engine, tier, Cursors("secret", 60))
    asked = query(text, PRODUCT, key)
    ask = Ask(asked, text, at(1), EVERYTHING, FORMATS["json"], None, count="count=exact" in text)

    async def stays() -> None:
        await asyncio.Event().wait()

    found = asyncio.run(answers.answer(ask, stays))
    answers.close()
    return found


def test_snapshot_that_was_offered_is_found() -> None:
    with tier_of(FakeSpark()) as tier:
        assert tier.find(PRODUCT, 1) is None
        loaded = load(tier)
        assert (loaded.rows, loaded.snapshot) == (9, 1)
        assert tier.find(PRODUCT, 2) is None
        assert tier.find(PRODUCT.model_copy(update={"columns": PRODUCT.columns[:2]}), 1) is None


def test_two_newest_snapshots_stay() -> None:
    with tier_of(FakeSpark()) as tier:
        for number in (1, 2, 3):
            load(tier, number)
        assert [one.snapshot for one in tier.holds] == [2, 3]


def test_copies_of_another_declaration_take_no_snapshots_place() -> None:
    other = PRODUCT.model_copy(update={"columns": PRODUCT.columns[:2]})
    with tier_of(FakeSpark()) as tier:
        load(tier, 1)
        tier.offer(other, at(1))
        eventually(lambda: tier.find(other, 1) is not None, seconds=10)
        load(tier, 1)
        load(tier, 2)
        assert [(one.product, one.snapshot) for one in tier.holds] == [(PRODUCT, 1), (PRODUCT, 2)]


@pytest.mark.parametrize("limit", [{"api_tier_rows": 8}, {"api_tier_mb": 1}])
def test_product_that_is_too_large_stays_away(limit: dict[str, int]) -> None:
    spark = FakeSpark(rows=9 if "api_tier_rows" in limit else 60_000)
    with tier_of(spark, **limit) as tier:
        tier.offer(PRODUCT, at(1))
        eventually(lambda: spark.runs == 1, seconds=10)
        tier.offer(PRODUCT, at(2, rows=10**9))
        tier.offer(PRODUCT.model_copy(update={"name": "other"}), at(1))
        eventually(lambda: spark.runs == 2, seconds=10)
        assert tier.holds == []


def test_copy_for_lookups_is_left_out_where_there_is_no_room() -> None:
    spark = FakeSpark(rows=100_000)
    with tier_of(spark) as tier:
        both = load(tier)
        assert both.lookup is not None
    with tier_of(spark, api_tier_mb=4) as tier:
        one = load(tier)
        assert one.lookup is None
    assert both.bytes >= 2 * one.bytes


def tables(tier: Tier) -> int:
    with tier.cursor() as cursor:
        return len(cursor.execute("show tables").fetchall())


def test_product_that_is_no_longer_served_is_let_go_once_nobody_reads_it() -> None:
    with tier_of(FakeSpark()) as tier:
        tier.serve([PRODUCT])
        read = [load(tier)]
        tier.serve([])
        eventually(lambda: tier.holds == [], seconds=10)
        assert tables(tier) == 1
        assert tier.bytes > 0
        read.clear()
        eventually(lambda: tables(tier) == 0, seconds=10)
        assert tier.bytes == 0


def test_product_that_leaves_while_it_is_to_be_copied_ends_nothing() -> None:
    spark = FakeSpark()
    with tier_of(spark) as tier:
        spark.may.clear()
        tier.serve([PRODUCT])
        tier.offer(PRODUCT, at(1))
        eventually(lambda: spark.runs == 1, seconds=10)
        tier.offer(PRODUCT, at(2))
        tier.serve([])
        spark.may.set()
        eventually(lambda: tables(tier) == 0, seconds=10)
        tier.serve([PRODUCT])
        load(tier, 3)
        assert tier.worker.problem is None


def test_copies_keep_to_their_memory_over_many_publications() -> None:
    spark = FakeSpark(rows=20_000)
    with tier_of(spark, api_tier_mb=2) as tier:
        tier.serve([PRODUCT])
        most = []
        for number in range(1, 6):
            load(tier, number)
            most.append(tier.bytes)
        assert max(most) <= 2_000_000
        # There is no room for two.
        assert [one.snapshot for one in tier.holds] == [5]
        eventually(lambda: tables(tier) == 1, seconds=10)


def test_copy_says_which_rows_each_filter_keeps() -> None:
    ran: list[str] = []

    class Recording(FakeSpark):
        def stream(self, _sql: str, *rest: Any, **more: Any) -> Generator[pa.RecordBatch]:
            ran.append(_sql)
            return super().stream(_sql, *rest, **more)

    product = PRODUCT.model_copy(
        update={"row_filters": (RowFilter(unless="x", where="lower(name) = 'i'"),)}
    )
    with tier_of(Recording()) as tier:
        tier.offer(product, at(1))
        eventually(lambda: tier.find(product, 1) is not None, seconds=10)
        with tier.cursor() as cursor:
            (name,) = [row[0] for row in cursor.execute(f'describe "{product.name}_1"').fetchall()][
                -1:
            ]
    assert name.startswith("kept by ")
    assert f"COALESCE((LOWER(name) = 'i'), FALSE) AS `{name}`" in ran[0]


def test_tier_that_is_off_loads_nothing() -> None:
    spark = FakeSpark()
    with tier_of(spark, api_tier_rows=0) as tier:
        tier.offer(PRODUCT, at(1))
        assert tier.find(PRODUCT, 1) is None
    assert spark.runs == 0


def test_failure_leaves_the_product_to_spark() -> None:
    spark = FakeSpark()
    spark.error = QueryError("no")
    with tier_of(spark) as tier:
        tier.offer(PRODUCT, at(1))
        eventually(lambda: spark.runs == 1, seconds=10)
        spark.error = None
        assert load(tier, 2).rows == 9


@pytest.mark.parametrize(
    ("text", "ids", "more"),
    [
        ("", [3, 6], False),
        ("limit=1", [3], True),
        ("sort=-id", [6, 3], False),
        ("id.gt=3", [6], False),
        ("ratio.gt=100", [3], False),
        ("ratio.lt=100", [6], False),
        ("select=name", None, False),
        ("count=exact&limit=1", [3], True),
    ],
)
def test_lookup_is_answered_from_its_rows(text: str, ids: list[int] | None, more: bool) -> None:
    spark = FakeSpark(rows=9)
    with tier_of(spark) as tier:
        load(tier)
        found = answer(tier, spark, text, key="0")
        names = ids or [3, 6]
        shown = [f'"name":"n{number}"' for number in names]
        assert [one.encode() in found.body for one in shown] == [True] * len(names)
        assert found.rows == len(names)
        assert (found.cursor is not None) is more
        assert found.source == "tier"
        assert found.count == (2 if "count" in text else None)
        assert spark.runs == 1


def test_lookup_of_many_rows_is_answered_whole() -> None:
    spark = FakeSpark(rows=900)
    with tier_of(spark) as tier:
        load(tier)
        assert answer(tier, spark, "limit=10000", key="1").rows == 300
        assert answer(tier, spark, "", key="1").rows == 10
        assert answer(tier, spark, "", key="4").body == b"[]"


def test_export_keeps_its_copy_while_others_take_its_place() -> None:
    spark = FakeSpark()
    with tier_of(spark) as tier:
        load(tier)
        answers = Answers(Settings(), cast("ThriftEngine", spark), tier, Cursors("secret", 60))
        ask = Ask(query("limit=all", PRODUCT), "", at(1), EVERYTHING, FORMATS["ndjson"], None)
        export = answers.export(ask)
        for number in (2, 3, 4):
            load(tier, number)
        gc.collect()
        assert tables(tier) == 3

        async def read() -> bytes:
            parts = []
            while (part := await export.next()) is not None:
                parts.append(part)
            await export.close()
            return b"".join(parts)

        assert asyncio.run(read()).count(b"\n") == 9
        eventually(lambda: tables(tier) == 2, seconds=10)
        answers.close()


def test_offer_of_an_older_declaration_does_not_take_the_newer_copy_away() -> None:
    other = PRODUCT.model_copy(update={"columns": PRODUCT.columns[:2]})
    spark = FakeSpark()
    with tier_of(spark) as tier:
        tier.offer(PRODUCT, at(1))
        tier.offer(other, at(1))
        eventually(lambda: tier.find(other, 1) is not None, seconds=10)
        eventually(lambda: tier._queue.empty(), seconds=10)
        assert tier.find(other, 1) is not None
