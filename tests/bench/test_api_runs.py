"""The run of the API benchmark, against a server that a test controls."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from bench import api_runs
from bench.answers import SCHEMA, Reference
from bench.api_runs import _Run
from bench.cases import Facts, cases
from bench.outcomes import Found, plan
from bench.servers import Server

RIGHT = b'[{"pedido_id":1,"cliente_id":7,"nome":"Ana","valor":200.00}]'
WRONG = b'[{"pedido_id":1,"cliente_id":7,"nome":"Ana","valor":200.01}]'


class Handler(BaseHTTPRequestHandler):
    """Answers with one body and its ETag, to who has the key."""

    protocol_version = "HTTP/1.1"
    body = RIGHT
    etag = '"1"'

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Bearer key":
            self.send_response(401)
            self.send_header("Content-Length", "0")
        elif self.etag and self.headers["If-None-Match"] == self.etag:
            self.send_response(304)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.body)))
            if self.etag:
                self.send_header("ETag", self.etag)
            self.end_headers()
            self.wfile.write(self.body)
            return
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        headers = {"Authorization": "Bearer key"}
        yield Server("malha", listening.server_port, os.getpid(), headers)
        listening.shutdown()


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reference:
    monkeypatch.setattr(api_runs, "_WARM_UP_S", 0.1)
    columns = [[1], [7], ["Ana"], [Decimal("200.00")]]
    pyarrow.parquet.write_table(pa.table(columns, schema=SCHEMA), tmp_path / "product.parquet")
    return Reference(tmp_path / "product.parquet")


def measure(server: Server, reference: Reference, wanted: str) -> Found:
    """Ask the server the wanted cases as if it were malha."""
    found = Found(1, 1, 1)
    planned = plan(wanted, "malha", 0.2)
    asked = [
        case
        for case in cases(Facts([7], Decimal(1), Decimal(9000)), most=50)
        if case.name in planned.cases
    ]
    run = _Run(planned, reference, found, lambda step, seconds: None)
    run.system("malha", nullcontext(server), asked)
    run.system("roapi", nullcontext(server), asked)
    return found


def test_right_answers_are_timed(server: Server, reference: Reference) -> None:
    found = measure(server, reference, "first page,export json,conditional")
    assert not found.failures
    assert [(one.case, one.system) for one in found.outcomes] == [
        ("first page", "malha"),
        ("export json", "malha"),
        ("conditional", "malha"),
    ]
    assert all(one.rps > 10 and one.p50_ms <= one.p99_ms for one in found.outcomes)


@pytest.mark.parametrize(
    ("name", "value", "wanted", "reason"),
    [
        ("body", WRONG, "first page", "row 0 is .*200.01.* instead of .*200.00"),
        ("body", WRONG, "export json", "not the same"),
        ("body", b"[]", "export json", "0 rows came instead of 1"),
        ("etag", "", "conditional", "no ETag"),
    ],
)
def test_wrong_answers_are_failures_and_not_timed(
    server: Server,
    reference: Reference,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: bytes | str,
    wanted: str,
    reason: str,
) -> None:
    monkeypatch.setattr(Handler, name, value)
    found = measure(server, reference, wanted)
    assert not found.outcomes
    (failure,) = found.failures
    assert failure.startswith(f"{wanted}, malha: ")
    assert re.search(reason, failure)


def test_refusal_is_a_failure_with_its_status(server: Server, reference: Reference) -> None:
    other = Server("malha", server.port, server.pid)
    assert measure(other, reference, "first page").failures == ["first page, malha: status 401: "]
