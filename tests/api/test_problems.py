"""Errors as problem details, and what the running API answers to what it cannot serve."""

import json
from typing import Any

import pytest

from api.errors import (
    ApiError,
    BusyError,
    InvalidParameter,
    InvalidRequestError,
    MethodError,
    NotAcceptableError,
    NotBuiltError,
    NotFoundError,
    OutageError,
    QueryError,
    QueryTimeoutError,
    SnapshotGoneError,
    UnauthorizedError,
)
from api.problems import MEDIA_TYPE, body_of, problem_of
from malha.errors import MalhaError, UnreachableError

LIMIT = InvalidParameter(parameter="limit", location="query", message="one is needed")


def told(error: MalhaError, path: str = "/api/x") -> tuple[int, dict[str, Any], dict[str, str]]:
    status, body, headers = problem_of(error, path)
    return status, json.loads(body), {name.decode(): value.decode() for name, value in headers}


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (InvalidRequestError([LIMIT]), 422, None),
        (NotFoundError("x"), 404, None),
        (MethodError("x"), 405, None),
        (NotAcceptableError("x"), 406, None),
        (BusyError("x"), 503, "1"),
        (QueryTimeoutError("x"), 504, None),
        (NotBuiltError("x"), 503, "30"),
        (OutageError("x"), 503, "5"),
        (SnapshotGoneError("x"), 410, None),
        (QueryError("x"), 500, None),
        (UnauthorizedError("x"), 401, None),
        (UnreachableError("x"), 503, "5"),
        (MalhaError("x"), 500, None),
    ],
)
def test_error_has_its_status_and_says_when_to_ask_again(
    error: MalhaError, status: int, retry_after: str | None
) -> None:
    found, problem, headers = told(error)
    assert (found, problem["status"]) == (status, status)
    assert headers.get("retry-after") == retry_after
    assert headers["content-type"] == MEDIA_TYPE
    assert {"type", "title", "detail", "instance"} <= problem.keys()


def test_refused_parameters_are_listed() -> None:
    _, problem, _ = told(InvalidRequestError([LIMIT, LIMIT]))
    assert problem["detail"].startswith("2 parameters cannot be used: limit: one is needed")
    assert problem["errors"][0] == LIMIT.model_dump()


@pytest.mark.parametrize("error", [MalhaError("/srv/secret"), UnreachableError("10.0.0.1:10000")])
def test_what_is_for_the_log_alone_is_not_told(error: MalhaError) -> None:
    _, problem, _ = told(error)
    assert str(error) not in json.dumps(problem)


def test_headers_of_an_error_are_sent() -> None:
    _, _, headers = told(ApiError("x", {"WWW-Authenticate": "Bearer"}))
    assert headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/api/é", "/api/a b", "/api/\r\nX: y", '/api/"<script>', "/api/\ufffd", "/api/😀"]
)
def test_instance_is_a_uri_reference(path: str) -> None:
    instance = json.loads(body_of(404, "x", path))["instance"]
    assert instance.isascii()
    assert not set(instance) & set(' "<>\r\n')
