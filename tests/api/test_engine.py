"""The engine against the real Thrift Server."""

import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from sqlglot import exp, parse_one

from api.engine import ThriftEngine, query_error
from api.errors import (
    ApiError,
    BusyError,
    NotBuiltError,
    OutageError,
    QueryError,
    QueryTimeoutError,
)
from malha.errors import UnreachableError
from tests.mesh import Mesh, eventually, free_ports

# Minutes of work, all of it in tasks that Spark can cancel.
SLOW = "select sum(id % 7) as x from range(1000000000000)"


def query(sql: str) -> exp.Query:
    parsed = parse_one(sql, dialect="spark")
    assert isinstance(parsed, exp.Query)
    return parsed


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
        engine.fetch(query(SLOW))
    eventually(lambda: running_jobs(mesh) == 0, seconds=10)
    assert engine.fetch(query("select 1 as x")).rows == [(1,)]


@pytest.mark.parametrize(
    "engine",
    [{"api_pool_size": 1, "api_pool_timeout": 0.2, "api_query_timeout": 4.0}],
    indirect=True,
)
def test_no_two_queries_share_a_connection(engine: ThriftEngine) -> None:
    def occupy() -> None:
        with pytest.raises(QueryTimeoutError):
            engine.fetch(query(SLOW))

    thread = threading.Thread(target=occupy)
    thread.start()
    time.sleep(1)
    with pytest.raises(BusyError):
        engine.fetch(query("select 1"))
    thread.join()
    assert engine.fetch(query("select 1 as x")).rows == [(1,)]


def test_refused_query_does_not_tell_its_text(engine: ThriftEngine) -> None:
    with pytest.raises(QueryError, match="the server's log says why"):
        engine.fetch(query("select cast('x' as int)"))


def test_missing_server_is_reported_at_once(mesh: Mesh) -> None:
    settings = mesh.settings.model_copy(update={"thrift_port": free_ports(1)[0]})
    with pytest.raises(UnreachableError, match="start the stack with `make up`"):
        ThriftEngine(settings).fetch(query("select 1"))


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("[TABLE_OR_VIEW_NOT_FOUND] The table `ouro`.`x` cannot be found", NotBuiltError),
        ("Caused by: java.net.UnknownHostException: metastore", OutageError),
        ("MetaException(message:org.apache.thrift.transport.TTransportException)", OutageError),
        ("S3Exception: Please reduce your request rate. (Status Code: 503)", OutageError),
        ("S3Exception: Access Denied. (Service: S3, Status Code: 403)", QueryError),
        ("[DIVIDE_BY_ZERO] Division by zero", QueryError),
    ],
)
def test_failure_is_told_by_its_cause(message: str, kind: type[ApiError]) -> None:
    assert type(query_error(message)) is kind
