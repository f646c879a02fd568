"""Callers who mean harm, one kind at a time, and somebody who behaves well meanwhile.

Everything is on loopback, and bounded in number and time.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.supervision import Supervisor
from tests.api.conftest import model
from tests.api.orders import PATH, ROWS, await_rows, create, drop
from tests.api.running import Running, rows_of, running
from tests.hostile.victim import attacked, checks, flood
from tests.mesh import Mesh, eventually

LONG = "/api/resumo-cliente"
"""A product of texts of 300 characters, in memory."""

LONG_ROWS = 50_000
STALL_SECONDS = 2


@pytest.fixture(scope="module")
def products(mesh: Mesh) -> Iterator[Mesh]:
    create(mesh)
    mesh.execute(
        "drop table if exists ouro.resumo_cliente",
        "create table ouro.resumo_cliente as select cast(id as bigint) as cliente_id, "
        "repeat('x', 300) as nome, id as pedidos, cast(1 as decimal(18,2)) as total, "
        f"cast(1 as decimal(18,2)) as maior_valor from range({LONG_ROWS})",
    )
    yield mesh
    drop(mesh)
    mesh.query("drop table ouro.resumo_cliente purge")


@pytest.fixture(scope="module")
def manifest(parsed_manifest: dict[str, Any]) -> dict[str, Any]:
    """The project's, with the columns that the long product has here."""
    changed: dict[str, Any] = json.loads(json.dumps(parsed_manifest))
    columns = model(changed, "resumo_cliente")["columns"]
    for name in set(columns) - {"cliente_id", "nome"}:
        del columns[name]
    return changed


@contextmanager
def serving(
    mesh: Mesh, folder: Path, manifest: dict[str, Any], **settings: str
) -> Iterator[Running]:
    """An API with the limits that it has by itself, but for a shorter patience."""
    given = {
        "API_STALL_SECONDS": str(STALL_SECONDS),
        "API_QUERY_TIMEOUT": "10",
        "API_RATE_LIMIT": "600",
        "API_AUTH_FAILURE_LIMIT": "30",
    }
    with running(mesh, folder, manifest, **{**given, **settings}) as api:
        await_rows(api)
        yield api


@pytest.fixture(scope="module")
def api(
    products: Mesh, manifest: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    with serving(products, tmp_path_factory.mktemp("hostile") / "api", manifest) as api:
        eventually(
            lambda: "malha_api_tier_products 2.0" in api.client.get("/metrics").text, seconds=60
        )
        yield api


@pytest.fixture(scope="module")
def good(api: Running) -> str:
    """The key of somebody who behaves well."""
    key = api.key_of("*")
    eventually(
        lambda: api.get(PATH, headers={"Authorization": f"Bearer {key}"}).is_success, seconds=30
    )
    return key


def raw(api: Running) -> socket.socket:
    """A connection on which anything can be said."""
    host, _, port = api.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=30)


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has ended it, however much was sent before."""
    connection.settimeout(0.2)
    try:
        while connection.recv(1 << 20):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def is_well(api: Running) -> None:
    """See that nothing of an attack is left."""
    eventually(lambda: api.client.get("/health/ready").status_code == 200, seconds=60)
    assert checks(api)["queries"] == "ok"
    assert rows_of(api.get(PATH)) == ROWS


PATTERNS = ("%x%x%x%y", "%_%_%_%_%_%_%_%_%_%#", "%x" * 31 + "y", "_%" * 16, "%x%" + "_" * 29 + "y")


def ask_and_go(api: Running, pattern: str) -> int:
    """Ask what takes long, and hang up after half a second: the status, or 0 without an answer."""
    question = {"nome.like": pattern, "limit": "10000", "sort": "-nome"}
    headers = {"X-API-Key": api.key}
    try:
        return httpx.get(api.url + LONG, params=question, headers=headers, timeout=0.5).status_code
    except httpx.TimeoutException:
        return 0


def test_slow_patterns_whose_clients_are_gone(api: Running, good: str) -> None:
    with attacked(api, good, "slow patterns, clients gone"), ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(lambda pattern: ask_and_go(api, pattern), PATTERNS * 20))
    assert seen <= {0, 200, 429, 503}
    is_well(api)


def test_slow_patterns_through_spark_leave_no_work_behind(
    products: Mesh, api: Running, good: str, manifest: dict[str, Any], tmp_path: Path
) -> None:
    spark_ui = f"http://127.0.0.1:{products.settings.spark_ui_port}/api/v1/applications"

    def works() -> bool:
        application = httpx.get(spark_ui, timeout=60).json()[0]["id"]
        jobs = httpx.get(f"{spark_ui}/{application}/jobs?status=running", timeout=60).json()
        return bool(jobs)

    with serving(products, tmp_path / "spark", manifest, API_TIER_ROWS="0") as spark:
        eventually(lambda: spark.get(LONG).status_code == 200, seconds=60)
        attack = attacked(api, good, "slow patterns through Spark, clients gone")
        with attack, ThreadPoolExecutor(4) as pool:
            seen = set(pool.map(lambda pattern: ask_and_go(spark, pattern), PATTERNS * 4))
            assert seen <= {0, 200, 429, 503}
            eventually(lambda: not works(), seconds=60)
        is_well(spark)


def test_pattern_of_too_many_wildcards_is_refused(api: Running) -> None:
    answer = api.client.get(LONG, params={"nome.like": "x%" * 33})
    assert answer.status_code == 422
    assert "at most 32 wildcards" in answer.text


def test_slow_readers_hold_places_for_seconds_alone(api: Running, good: str) -> None:
    bad = [api.key_of("*") for _ in range(4)]
    with ExitStack() as opened, attacked(api, good, "readers that do not read"):
        slow = []
        for key in bad * 2:
            connection = opened.enter_context(raw(api))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            request = f"GET {LONG}?limit=all HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n"
            connection.sendall(request.encode())
            slow.append(connection)
        # Meanwhile somebody else's turn comes, whole.
        export = f"{LONG}?limit=all&format=ndjson&select=cliente_id"
        headers = {"X-API-Key": good}

        def whole() -> bool:
            answer = httpx.get(api.url + export, headers=headers, timeout=60)
            assert answer.status_code in (200, 503)
            return answer.status_code == 200 and answer.text.count("\n") == LONG_ROWS

        eventually(whole, seconds=60)
        eventually(lambda: all(map(is_closed, slow)), seconds=60)
    is_well(api)


@pytest.mark.parametrize(
    "path", ["/docs/swagger-ui-bundle.js", f"{LONG}?limit=10000"], ids=["assets", "pages"]
)
def test_many_answers_on_one_connection_that_nobody_reads(
    api: Running, good: str, path: str
) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {good}\r\n\r\n".encode()
    with ExitStack() as opened, attacked(api, good, f"unread answers: {path.partition('?')[0]}"):
        idle = [opened.enter_context(raw(api)) for _ in range(6)]
        for connection in idle:
            connection.sendall(head * 8)
        eventually(lambda: api.client.get("/health/ready").status_code == 200, seconds=60)
        eventually(lambda: all(map(is_closed, idle)), seconds=60)
    is_well(api)


def test_half_sent_requests_are_hung_up_on(api: Running, good: str) -> None:
    with ExitStack() as opened, attacked(api, good, "50 half-sent requests"):
        halves = []
        for number in range(50):
            connection = opened.enter_context(raw(api))
            connection.sendall(b"" if number % 2 else b"GET /api HTTP/1.1\r\nHost: x\r\nX-")
            halves.append(connection)
        eventually(lambda: all(map(is_closed, halves)), seconds=60)
    is_well(api)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (PATH, {}),
        ("/api/nothing-here", {}),
        (PATH, {"X-API-Key": "malha_abcdefghij_" + "x" * 43}),
        (PATH, {"Authorization": "Bearer a.b.c"}),
    ],
    ids=["no key", "no product", "wrong key", "no token"],
)
def test_flood_without_a_key_is_limited(
    api: Running, good: str, path: str, headers: dict[str, str]
) -> None:
    attack = f"flood: {path.rpartition('/')[2]}, {next(iter(headers), 'without a key')}"
    with attacked(api, good, attack):
        seen = flood(api.url + path, headers, requests=800, clients=8)
    assert set(seen) <= {401, 404, 429, 503}
    assert 429 in seen
    is_well(api)


def test_many_who_ask_whether_it_is_ready(api: Running, good: str) -> None:
    with attacked(api, good, "40 clients on readiness"):
        seen = flood(api.url + "/health/ready", {}, requests=2000, clients=40)
    assert set(seen) == {200}
    is_well(api)


def test_exports_that_are_left_in_the_middle(api: Running, good: str) -> None:
    bad = api.key_of("*")
    with attacked(api, good, "exports left in the middle"):
        for _ in range(20):
            with raw(api) as connection:
                request = f"GET {LONG}?limit=all HTTP/1.1\r\nHost: x\r\nX-API-Key: {bad}\r\n\r\n"
                connection.sendall(request.encode())
                connection.recv(100)
    is_well(api)


def test_file_of_keys_that_is_broken_leaves_those_from_before(api: Running, good: str) -> None:
    path = api.folder / "keys.json"
    whole = path.read_bytes()
    try:
        with attacked(api, good, "broken file of keys"):
            path.write_bytes(b'{"keys": [')
            eventually(lambda: checks(api)["keys"] == "cannot be read", seconds=30)
    finally:
        path.write_bytes(whole)
    is_well(api)


def broken_manifests(manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Manifests with a fault, and whether the fault is one product's."""
    whole = json.dumps(manifest)
    for text in (
        "",
        "{",
        "[]",
        "null",
        '{"metadata": {}}',
        whole[:-50],
        whole.replace("v12", "v3"),
    ):
        yield text, "manifest"
    for place, value in (
        ("masks", {"nope": {"unless": "pii"}}),
        ("rows", [{"unless": "x", "where": "rand() < 1"}]),
        ("rows", [{"unless": "x", "where": "((((" * 500}]),
        ("lookup", 7),
    ):
        changed = json.loads(whole)
        model(changed, "resumo_cliente")["config"]["meta"]["api"] = {place: value}
        yield json.dumps(changed), "product"
    changed = json.loads(whole)
    model(changed, "resumo_cliente")["columns"]["nome"]["data_type"] = "decimal(50,2)"
    yield json.dumps(changed), "product"


def test_broken_manifests_take_nobody_elses_product(
    api: Running, good: str, manifest: dict[str, Any]
) -> None:
    with attacked(api, good, "broken manifests of twelve kinds"):
        for text, whose in broken_manifests(manifest):
            api.manifest.write_text(text)
            if whose == "manifest":
                eventually(lambda: checks(api)["registry"] == "cannot be read", seconds=30)
                continue
            eventually(
                lambda: "resumo_cliente is not served" in checks(api)["products"], seconds=30
            )
            answer = api.client.get(LONG)
            assert answer.status_code == 503
            assert "its declaration cannot be used" in answer.json()["detail"]
            assert api.client.get("/health/ready").json()["status"] == "degraded"
            api.manifest.write_text(json.dumps(manifest))
            eventually(lambda: checks(api)["products"] == "ok", seconds=30)
    api.manifest.write_text(json.dumps(manifest))
    is_well(api)


def test_full_disk_below_the_audit_log(
    products: Mesh, manifest: dict[str, Any], tmp_path: Path
) -> None:
    with serving(products, tmp_path / "full", manifest, API_AUDIT_LOG="/dev/full") as api:
        with attacked(api, api.key, "full disk below the audit log"):
            eventually(lambda: "lines are lost" in (api.folder / "log").read_text(), seconds=30)
        assert checks(api)["audit"].startswith("lines are lost")
        assert api.client.get("/health/ready").json()["status"] == "degraded"


def test_metastore_that_hangs(products: Mesh, api: Running, good: str) -> None:
    process = Supervisor(products.settings).states()["metastore"].pid
    try:
        with attacked(api, good, "metastore hangs"):
            os.kill(process, signal.SIGSTOP)
            time.sleep(10)
    finally:
        os.kill(process, signal.SIGCONT)
    is_well(api)


def test_export_whose_thrift_server_dies_is_broken_off(
    products: Mesh, api: Running, good: str, manifest: dict[str, Any], tmp_path: Path
) -> None:
    path = f"{LONG}?limit=all&format=ndjson"
    with serving(products, tmp_path / "spark", manifest, API_TIER_ROWS="0") as spark:
        eventually(lambda: spark.get(LONG).status_code == 200, seconds=60)
        with (
            attacked(api, good, "Thrift Server dies in mid-export"),
            spark.client.stream("GET", path) as answer,
        ):
            parts = answer.iter_raw(1000)
            next(parts)
            os.kill(Supervisor(products.settings).states()["thrift"].pid, signal.SIGKILL)
            with pytest.raises(httpx.RemoteProtocolError):
                list(parts)
        try:
            eventually(lambda: spark.get(LONG).status_code == 200, seconds=240)
        finally:
            products.up()
    is_well(api)
