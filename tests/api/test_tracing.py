"""Spans of requests and queries reach a collector."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.api.running import running
from tests.mesh import Mesh, eventually


class Collector(BaseHTTPRequestHandler):
    """Keeps what it is sent."""

    received: list[ExportTraceServiceRequest]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.received.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[str]:
    Collector.received = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces"
        server.shutdown()


def spans() -> dict[str, Any]:
    """By name."""
    return {
        span.name: span
        for request in Collector.received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


def test_query_is_a_span_within_its_request(
    mesh: Mesh, parsed_manifest: dict[str, Any], tmp_path: Path, collector: str
) -> None:
    mesh.execute(
        "create schema if not exists ouro",
        "drop table if exists ouro.resumo_cliente",
        "create table ouro.resumo_cliente using iceberg as select id as cliente_id, 'a' as nome, "
        "id as pedidos, cast(1 as decimal(28,2)) as total, cast(1 as decimal(28,2)) as "
        "ticket_medio, cast(1 as decimal(18,2)) as maior_pedido from range(3)",
    )
    settings = {"API_TRACES_URL": collector, "API_TIER_ROWS": "0", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with running(mesh, tmp_path, parsed_manifest, **settings) as api:
        assert api.get("/api/resumo-cliente").status_code == 200
        eventually(lambda: {"thrift", "GET /api/resumo-cliente"} <= set(spans()), seconds=60)
    mesh.query("drop table ouro.resumo_cliente purge")
    request, query = spans()["GET /api/resumo-cliente"], spans()["thrift"]
    assert (query.trace_id, query.parent_span_id) == (request.trace_id, request.span_id)
    (resource,) = {
        attribute.value.string_value
        for one in Collector.received
        for resource in one.resource_spans
        for attribute in resource.resource.attributes
        if attribute.key == "service.name"
    }
    assert resource == "malha-api"
