import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.edge import MAX_BODY, MAX_HEADERS, MAX_TARGET, Edge, with_cors
from malha.settings import Settings


async def fast(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fast"})


def client(**variables: str) -> TestClient:
    settings = Settings(**variables)  # type: ignore[arg-type]
    around = FastAPI()

    @around.get("/around")
    def answer() -> str:
        return "around"

    return TestClient(with_cors(Edge(fast, around, settings), settings))


def test_products_have_an_entrance_of_their_own() -> None:
    assert client().get("/api/x").text == "fast"
    assert client().get("/around").json() == "around"


def test_answers_tell_browsers_not_to_guess_or_frame() -> None:
    headers = client().get("/around").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "strict-transport-security" not in headers


def test_tls_tells_browsers_to_come_back_with_tls() -> None:
    headers = client(api_tls_certificate="c.pem").get("/around").headers
    assert headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.parametrize("path", ["/api/x", "/around"])
def test_what_is_too_large_is_a_problem_that_says_so(path: str) -> None:
    asked = client()
    long = asked.get(path, params={"x": "y" * MAX_TARGET})
    heavy = asked.get(path, headers={"x-heavy": "y" * MAX_HEADERS})
    full = asked.request("GET", path, content=b"y" * (MAX_BODY + 1))
    assert [one.status_code for one in (long, heavy, full)] == [414, 431, 413]
    for one in (long, heavy, full):
        assert one.headers["content-type"] == "application/problem+json"
        assert one.json()["status"] == one.status_code


def test_length_that_is_no_number_is_refused() -> None:
    scope = {
        "type": "http",
        "path": "/api/x",
        "raw_path": b"/api/x",
        "query_string": b"",
        "headers": [(b"content-length", b"many")],
    }
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Edge(fast, FastAPI(), Settings())(scope, None, send))
    assert sent[0]["status"] == 413


def test_pages_of_set_origins_alone_may_read() -> None:
    asked = client(api_cors_origins="https://painel.example https://outro.example")
    mine = asked.get("/api/x", headers={"Origin": "https://painel.example"})
    theirs = asked.get("/api/x", headers={"Origin": "https://evil.example"})
    assert mine.headers["access-control-allow-origin"] == "https://painel.example"
    assert "access-control-allow-origin" not in theirs.headers
    assert (
        "access-control-allow-origin"
        not in client().get("/api/x", headers={"Origin": "https://painel.example"}).headers
    )
