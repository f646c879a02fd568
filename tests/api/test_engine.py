"""The engine against the real Thrift Server."""

import secrets
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest

from api.engine import ThriftEngine, query_error
from api.errors import (
    ApiError,
    BusyError,
    CancelledError,
    NotBuiltError,
    OutageError,
    QueryError,
    QueryTimeoutError,
    SnapshotGoneError,
)
from api.interrupts import Interrupts
from malha.errors import UnreachableError
from tests.mesh import Mesh, eventually, free_ports

# Hours of work, all of it in tasks that Spark can cancel; by its name the job is found.
SLOW = "/* {name} */ select sum(id % 7) as x from range(1000000000000)"


X = pa.schema([pa.field("x", pa.int64())])


def rows(engine: ThriftEngine, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in engine.fetch(sql, X).to_pylist()]


@pytest.fixture
def engine(mesh: Mesh, request: pytest.FixtureRequest) -> Iterator[ThriftEngine]:
    engine = ThriftEngine(mesh.settings.model_copy(update=getattr(request, "param", {})))
    yield engine
    engine.close()


class Slow:
    """A query that runs until it is cancelled."""

    def __init__(self, mesh: Mesh) -> None:
        self._name = f"slow {secrets.token_hex(8)}"
        self.name = f"/* {self._name} */"
        self._ui = f"http://127.0.0.1:{mesh.settings.spark_ui_port}/api/v1/applications"
        self.sql = SLOW.format(name=self._name)

    def runs(self) -> bool:
        """Whether Spark works on it."""
        application = httpx.get(self._ui, timeout=60).json()[0]["id"]
        jobs = httpx.get(f"{self._ui}/{application}/jobs?status=running", timeout=60).json()
        return any(self._name in job.get("description", "") for job in jobs)


@pytest.fixture
def slow(mesh: Mesh) -> Slow:
    return Slow(mesh)


class Clock:
    """The time, which passes when a test says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("engine", [{"api_query_timeout": 60.0}], indirect=True)
def test_query_that_takes_too_long_is_cancelled_in_spark(
    engine: ThriftEngine, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("api.engine.time", clock)

    class TimePasses(Interrupts):
        def check(self) -> None:
            clock.now += 1000 if slow.runs() else 0

    with pytest.raises(QueryTimeoutError, match="cancelled after 60 s"):
        engine.fetch(slow.sql, X, TimePasses())
    eventually(lambda: not slow.runs(), seconds=60)
    assert rows(engine, "select 1L as x") == [(1,)]


@pytest.mark.parametrize("engine", [{"api_pool_size": 1, "api_pool_timeout": 0.2}], indirect=True)
def test_no_two_queries_share_a_connection(engine: ThriftEngine, slow: Slow) -> None:
    interrupts = Interrupts()

    def occupy() -> None:
        with pytest.raises(CancelledError):
            engine.fetch(slow.sql, X, interrupts)

    thread = threading.Thread(target=occupy)
    thread.start()
    try:
        eventually(slow.runs, seconds=60)
        with pytest.raises(BusyError):
            engine.fetch("select 1", X)
    finally:
        interrupts.ask()
        thread.join()
    assert rows(engine, "select 1L as x") == [(1,)]


def test_query_that_nobody_waits_for_is_cancelled_in_spark(
    engine: ThriftEngine, slow: Slow
) -> None:
    class AskedOnceItRuns(Interrupts):
        def check(self) -> None:
            if slow.runs():
                self.ask()
            super().check()

    with pytest.raises(CancelledError):
        engine.fetch(slow.sql, X, AskedOnceItRuns())
    eventually(lambda: not slow.runs(), seconds=60)
    assert rows(engine, "select 1L as x") == [(1,)]


def test_large_result_comes_in_parts(engine: ThriftEngine) -> None:
    for whole in (False, True):
        sql = "select id as x from range(25000) order by id"
        parts = list(engine.stream(sql, X, Interrupts(), whole=whole))
        assert len(parts) > 1
        found = pa.Table.from_batches(parts)["x"].to_pylist()
        assert found == list(range(25_000))


def test_session_of_an_abandoned_result_is_free_again(engine: ThriftEngine) -> None:
    stream = engine.stream("select id as x from range(25000)", X, Interrupts())
    next(stream)
    assert engine.sessions == 1
    stream.close()
    assert engine.sessions == 0
    assert rows(engine, "select 1L as x") == [(1,)]


def test_whole_product_is_cancelled_while_its_next_part_is_made(
    engine: ThriftEngine, slow: Slow
) -> None:
    # As many rows as are fetched at a time, and no other for hours.
    later = "select id as x from range(0, 1000000000000, 1, 1) where id < -1"
    sql = f"{slow.name} select id as x from range(10000) union all {later}"
    interrupts = Interrupts()
    stream = engine.stream(sql, X, interrupts, whole=True)
    assert next(stream).num_rows == 10_000
    failed: list[Exception] = []

    def take_the_next() -> None:
        try:
            next(stream)
        except CancelledError as error:
            failed.append(error)

    thread = threading.Thread(target=take_the_next)
    thread.start()
    eventually(slow.runs, seconds=60)
    interrupts.ask()
    thread.join(timeout=30)
    assert failed
    eventually(lambda: not slow.runs(), seconds=60)
    assert engine.sessions == 0


def test_failure_in_a_later_part_is_told_as_one_of_the_query(engine: ThriftEngine) -> None:
    sql = "select if(id < 30000, id, cast('x' || id as bigint)) as x from range(0, 60000, 1, 2)"
    stream = engine.stream(sql, X, Interrupts(), whole=True)
    assert next(stream).num_rows == 10_000
    with pytest.raises(QueryError, match="the server's log says why"):
        list(stream)


def test_refused_query_does_not_tell_its_text(engine: ThriftEngine) -> None:
    with pytest.raises(QueryError, match="the server's log says why"):
        engine.fetch("select cast('x' as int)", X)


def test_missing_server_is_reported_at_once(mesh: Mesh) -> None:
    settings = mesh.settings.model_copy(update={"thrift_port": free_ports(1)[0]})
    with pytest.raises(UnreachableError, match="start the stack with `make up`"):
        ThriftEngine(settings).fetch("select 1", X)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("[TABLE_OR_VIEW_NOT_FOUND] The table `ouro`.`x` cannot be found", NotBuiltError),
        ("Caused by: java.net.UnknownHostException: metastore", OutageError),
        ("MetaException(message:org.apache.thrift.transport.TTransportException)", OutageError),
        ("S3Exception: Please reduce your request rate. (Status Code: 503)", OutageError),
        ("S3Exception: Access Denied. (Service: S3, Status Code: 403)", QueryError),
        ("IllegalArgumentException: Cannot find snapshot with ID 7", SnapshotGoneError),
        ("[DIVIDE_BY_ZERO] Division by zero", QueryError),
    ],
)
def test_failure_is_told_by_its_cause(message: str, kind: type[ApiError]) -> None:
    assert type(query_error(message)) is kind
