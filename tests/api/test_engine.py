"""The engine against the real Thrift Server."""

import threading
import time
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

# Minutes of work, all of it in tasks that Spark can cancel.
SLOW = "select sum(id % 7) as x from range(1000000000000)"


X = pa.schema([pa.field("x", pa.int64())])


def rows(engine: ThriftEngine, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in engine.fetch(sql, X).to_pylist()]


@pytest.fixture
def engine(mesh: Mesh, request: pytest.FixtureRequest) -> Iterator[ThriftEngine]:
    engine = ThriftEngine(mesh.settings.model_copy(update=getattr(request, "param", {})))
    yield engine
    engine.close()


def running_jobs(mesh: Mesh) -> int:
    ui = f"http://127.0.0.1:{mesh.settings.spark_ui_port}/api/v1/applications"
    application = httpx.get(ui).json()[0]["id"]
    return len(httpx.get(f"{ui}/{application}/jobs?status=running").json())


@pytest.mark.parametrize("engine", [{"api_query_timeout": 2.0}], indirect=True)
def test_query_that_takes_too_long_is_cancelled_in_spark(mesh: Mesh, engine: ThriftEngine) -> None:
    with pytest.raises(QueryTimeoutError, match="cancelled after 2 s"):
        engine.fetch(SLOW, X)
    eventually(lambda: running_jobs(mesh) == 0, seconds=10)
    assert rows(engine, "select 1L as x") == [(1,)]


@pytest.mark.parametrize(
    "engine",
    [{"api_pool_size": 1, "api_pool_timeout": 0.2, "api_query_timeout": 4.0}],
    indirect=True,
)
def test_no_two_queries_share_a_connection(engine: ThriftEngine) -> None:
    def occupy() -> None:
        with pytest.raises(QueryTimeoutError):
            engine.fetch(SLOW, X)

    thread = threading.Thread(target=occupy)
    thread.start()
    time.sleep(1)
    with pytest.raises(BusyError):
        engine.fetch("select 1", X)
    thread.join()
    assert rows(engine, "select 1L as x") == [(1,)]


def test_query_that_nobody_waits_for_is_cancelled_in_spark(
    mesh: Mesh, engine: ThriftEngine
) -> None:
    interrupts = Interrupts()
    threading.Timer(1, interrupts.ask).start()
    with pytest.raises(CancelledError):
        engine.fetch(SLOW, X, interrupts.check)
    eventually(lambda: running_jobs(mesh) == 0, seconds=10)
    assert rows(engine, "select 1L as x") == [(1,)]


def test_large_result_comes_in_parts(engine: ThriftEngine) -> None:
    parts = list(engine.stream("select id as x from range(25000) order by id", X))
    assert len(parts) > 1
    found = pa.Table.from_batches(parts)["x"].to_pylist()
    assert found == list(range(25_000))


def test_session_of_an_abandoned_result_is_free_again(engine: ThriftEngine) -> None:
    stream = engine.stream("select id as x from range(25000)", X)
    next(stream)
    assert engine.sessions == 1
    stream.close()
    assert engine.sessions == 0
    assert rows(engine, "select 1L as x") == [(1,)]


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
