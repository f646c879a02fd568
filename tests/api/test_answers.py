"""Which run answers which question: flights, the cache, pages, exports."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from typing import Any, cast

import pyarrow as pa
import pytest

from api.access import EVERYTHING, Rights
from api.answers import Answer, Answers, Ask
from api.cursors import Cursors
from api.engine import ThriftEngine
from api.errors import (
    BusyError,
    CancelledError,
    QueryError,
    QueryTimeoutError,
    TooManyRequestsError,
)
from api.formats import FORMATS
from api.interrupts import Interrupts
from api.snapshots import Snapshot
from api.tier import Tier
from malha.settings import Settings
from tests.api.support import product, query

SMALL = product({"id": "bigint", "name": "string"})
SETTINGS = Settings(api_pool_size=4, api_queue=2, api_exports=1, api_cache_mb=1)


class FakeEngine:
    """Answers with so many rows, once it may."""

    def __init__(self, rows: int = 3) -> None:
        self.rows = rows
        self.ran: list[str] = []
        self.cancelled = 0
        self.may = threading.Event()
        self.may.set()
        self.error: Exception | None = None

    def stream(
        self, sql: str, schema: pa.Schema, interrupts: Interrupts, *, whole: bool = False
    ) -> Generator[pa.RecordBatch]:
        self.ran.append(sql)
        try:
            while not self.may.wait(0.01):
                interrupts.check()
        except CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        rows = [{"id": number, "name": f"n{number}"} for number in range(self.rows)]
        batch = pa.RecordBatch.from_pylist(rows, schema=schema)
        yield batch.slice(0, 2)
        yield batch.slice(2)


class NoTier:
    def find(self, *_: Any) -> None:
        return None


def answers(engine: FakeEngine, **changed: Any) -> Answers:
    settings = SETTINGS.model_copy(update=changed)
    tier = cast("Tier", NoTier())
    return Answers(settings, cast("ThriftEngine", engine), tier, Cursors("secret", 60))


def ask(text: str = "", snapshot: int | None = 7, **changed: Any) -> Ask:
    made = Ask(
        query(text, SMALL),
        text,
        Snapshot(snapshot, None, None, None),
        EVERYTHING,
        FORMATS["json"],
        None,
    )
    return replace(made, **changed)


async def stays() -> None:
    await asyncio.Event().wait()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def hangs_up_on(engine: FakeEngine) -> Callable[[], Awaitable[None]]:
    """A client that hangs up once its question is being run."""

    async def gone() -> None:
        await until(lambda: bool(engine.ran))

    return gone


def run(scenario: Awaitable[Any]) -> Any:
    async def limited() -> Any:
        return await asyncio.wait_for(scenario, 30)

    return asyncio.run(limited())


def test_identical_questions_are_run_once() -> None:
    engine = FakeEngine()
    engine.may.clear()
    found = answers(engine)

    async def scenario() -> list[Answer]:
        many = [asyncio.ensure_future(found.answer(ask(), stays)) for _ in range(20)]
        await until(lambda: len(engine.ran) == 1)
        engine.may.set()
        return await asyncio.gather(*many)

    assert len({one.body for one in run(scenario())}) == 1
    assert len(engine.ran) == 1


def test_other_questions_are_run_for_themselves() -> None:
    engine = FakeEngine()
    found = answers(engine)

    async def scenario() -> None:
        for one in (ask(), ask("sort=-id"), ask(snapshot=8), ask(format=FORMATS["csv"])):
            await found.answer(one, stays)

    run(scenario())
    assert len(engine.ran) == 4


def test_client_that_hangs_up_cancels_what_nobody_else_waits_for() -> None:
    engine = FakeEngine()
    engine.may.clear()
    found = answers(engine)

    async def scenario() -> None:
        with pytest.raises(CancelledError):
            await found.answer(ask(), hangs_up_on(engine))
        await until(lambda: engine.cancelled == 1)

    run(scenario())


def test_client_that_hangs_up_leaves_the_run_to_who_still_waits() -> None:
    engine = FakeEngine()
    engine.may.clear()
    found = answers(engine)

    async def scenario() -> Answer:
        patient = asyncio.ensure_future(found.answer(ask(), stays))
        with pytest.raises(CancelledError):
            await found.answer(ask(), hangs_up_on(engine))
        engine.may.set()
        return await patient

    assert run(scenario()).rows == 3
    assert (len(engine.ran), engine.cancelled) == (1, 0)


def test_question_of_a_run_that_is_being_stopped_is_run_anew() -> None:
    engine = FakeEngine()
    engine.may.clear()
    found = answers(engine)

    async def scenario() -> Answer:
        with pytest.raises(CancelledError):
            await found.answer(ask(), hangs_up_on(engine))
        # The first run has been told to end, and has not ended yet.
        second = asyncio.ensure_future(found.answer(ask(), stays))
        await until(lambda: engine.cancelled == 1)
        engine.may.set()
        return await second

    assert run(scenario()).rows == 3


def test_failure_reaches_all_who_wait_and_is_not_remembered() -> None:
    engine = FakeEngine()
    engine.error = QueryError("no")
    found = answers(engine)

    async def scenario() -> None:
        both = [found.answer(ask(), stays) for _ in range(2)]
        assert all(
            isinstance(one, QueryError)
            for one in await asyncio.gather(*both, return_exceptions=True)
        )
        engine.error = None
        assert (await found.answer(ask(), stays)).rows == 3

    run(scenario())


def test_answer_of_a_snapshot_is_remembered() -> None:
    found = answers(FakeEngine())
    made = run(found.answer(ask(), stays))
    assert found.remembered(ask().key) is made
    assert made.etag == ask().etag
    assert found.remembered(ask(snapshot=8).key) is None


def test_answer_of_a_view_is_not_remembered() -> None:
    found = answers(FakeEngine())
    made = run(found.answer(ask(snapshot=None), stays))
    assert found.remembered(ask(snapshot=None).key) is None
    assert made.etag is None


@pytest.mark.parametrize("changed", [{"api_cache_mb": 0}, {"rows": 20_000}])
def test_answer_that_is_too_large_is_not_remembered(changed: dict[str, int]) -> None:
    found = answers(FakeEngine(changed.pop("rows", 3)), **changed)
    assert run(found.answer(ask("limit=10000"), stays)).rows in (3, 10_000)
    assert found.remembered(ask("limit=10000").key) is None


def test_validator_is_of_snapshot_question_form_compression_and_rights() -> None:
    others = [
        ask(snapshot=8),
        ask("sort=-id"),
        ask(format=FORMATS["csv"]),
        ask(encoding="gzip"),
        ask(rights=Rights((), ("id = 1",))),
    ]
    assert len({one.etag for one in [ask(), *others]}) == 6
    assert ask(request_id="a").etag == ask(request_id="b").etag


def test_page_that_is_not_the_last_has_a_cursor() -> None:
    engine = FakeEngine(rows=3)
    made = run(answers(engine).answer(ask("limit=2&select=name"), stays))
    assert made.body == b'[{"name":"n0"},{"name":"n1"}]'
    assert made.rows == 2
    assert made.cursor
    assert "LIMIT 3" in engine.ran[0]


def test_last_page_has_no_cursor() -> None:
    assert run(answers(FakeEngine(rows=3)).answer(ask("limit=3"), stays)).cursor is None


def test_request_is_named_to_spark() -> None:
    engine = FakeEngine()
    run(answers(engine).answer(ask(request_id="abc"), stays))
    assert engine.ran[0].startswith("/* request abc */ SELECT")


def test_more_questions_than_may_wait_are_refused() -> None:
    engine = FakeEngine()
    engine.may.clear()
    found = answers(engine)

    async def scenario() -> None:
        asked = [asyncio.ensure_future(found.answer(ask(f"id={n}"), stays)) for n in range(4)]
        await until(lambda: found.lanes["thrift"].count == 4)
        with pytest.raises(BusyError):
            await found.answer(ask("id=99"), stays)
        engine.may.set()
        await asyncio.gather(*asked)
        assert found.lanes["thrift"].count == 0

    run(scenario())


def test_compressed_answer_says_so_and_a_short_one_is_not() -> None:
    found = answers(FakeEngine(rows=500))
    assert run(found.answer(ask("limit=500", encoding="gzip"), stays)).encoding == "gzip"
    short = answers(FakeEngine(rows=1))
    assert run(short.answer(ask(encoding="gzip"), stays)).encoding is None


def test_export_comes_in_parts_and_gives_its_place_back() -> None:
    found = answers(FakeEngine(rows=3))

    async def scenario() -> None:
        export = found.export(ask("limit=all"), "ana")
        with pytest.raises(BusyError):
            found.export(ask("limit=all"), "rui")
        parts = []
        while (part := await export.next()) is not None:
            parts.append(part)
        await export.close()
        assert b"".join(parts).startswith(b'[{"id":0,"name":"n0"}')
        assert export.rows == 3
        await found.export(ask("limit=all"), "rui").close()

    run(scenario())


def test_caller_has_half_of_the_exports_at_most() -> None:
    found = answers(FakeEngine(), api_exports=4)

    async def scenario() -> None:
        held = [found.export(ask("limit=all"), "ana") for _ in range(2)]
        with pytest.raises(TooManyRequestsError, match="2 whole products under way"):
            found.export(ask("limit=all"), "ana")
        held.append(found.export(ask("limit=all"), "rui"))
        await held[0].close()
        await found.export(ask("limit=all"), "ana").close()
        for export in held[1:]:
            await export.close()
        assert found.lanes["export"].count == 0

    run(scenario())


def test_export_that_is_stopped_ends_before_its_first_part() -> None:
    engine = FakeEngine()
    engine.may.clear()
    found = answers(engine)

    async def scenario() -> None:
        export = found.export(ask("limit=all"))
        first = asyncio.ensure_future(export.next())
        await until(lambda: len(engine.ran) == 1)
        export.stop()
        with pytest.raises(CancelledError):
            await first
        await export.close()

    run(scenario())
    assert engine.cancelled == 1


def test_nothing_begins_once_it_was_interrupted() -> None:
    interrupts = Interrupts()
    interrupts.ask()
    with pytest.raises(CancelledError), interrupts.stopping(lambda: None):
        raise AssertionError("it began")


def test_interruption_stops_what_runs_as_often_as_it_is_asked_and_nothing_after_it() -> None:
    interrupts = Interrupts()
    stopped: list[int] = []
    with interrupts.stopping(lambda: stopped.append(1)):
        interrupts.ask()
        interrupts.ask()
    interrupts.ask()
    assert stopped == [1, 1]


def test_query_ends_with_the_first_reason() -> None:
    interrupts = Interrupts()
    interrupts.ask(QueryTimeoutError("too long"))
    interrupts.ask()
    with pytest.raises(QueryTimeoutError, match="too long"):
        interrupts.check()
