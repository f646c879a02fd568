"""Errors as problem details (RFC 9457)."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import quote

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from api.errors import ApiError, InvalidParameter, InvalidRequestError
from malha.errors import MalhaError, UnreachableError

MEDIA_TYPE = "application/problem+json"

log = logging.getLogger("malha.api")


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["1 parameter cannot be used"])
    instance: str = Field(examples=["/api/cliente-pedido"])
    errors: list[InvalidParameter] | None = None


def body_of(
    status: int, detail: str, path: str, errors: Sequence[InvalidParameter] | None = None
) -> bytes:
    """Problem details as JSON."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=quote(path),
        errors=list(errors) if errors else None,
    )
    return msgspec.json.encode(problem.model_dump(exclude_none=True))


def problem_of(error: MalhaError, path: str) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Status, body and headers of the answer that tells of an error."""
    status, detail, retry_after = HTTPStatus.INTERNAL_SERVER_ERROR, str(error), None
    headers: dict[str, str] = {}
    errors = None
    if isinstance(error, UnreachableError):
        log.warning("%s", error)
        status, retry_after = HTTPStatus.SERVICE_UNAVAILABLE, 5
        detail = "The query engine does not answer at the moment"
    elif isinstance(error, ApiError):
        status, retry_after = error.status, error.retry_after
        headers = error.headers
        errors = error.problems if isinstance(error, InvalidRequestError) else None
    else:
        log.error("%s", error)
        detail = "The server's log says why"
    if retry_after:
        headers = headers | {"Retry-After": str(retry_after)}
    body = body_of(status, detail, path, errors)
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    raw.append((b"content-type", MEDIA_TYPE.encode()))
    raw.append((b"content-length", str(len(body)).encode()))
    return status, body, raw


def install(app: FastAPI) -> None:
    """Answer every error of the application's own routes as problem details."""
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(MalhaError, _on_error)
    app.add_exception_handler(Exception, _on_unexpected)


def _answer(
    request: Request,
    status: int,
    detail: str,
    errors: Sequence[InvalidParameter] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    body = body_of(status, detail, request.url.path, errors)
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    problems = [
        InvalidParameter(
            parameter=".".join(str(part) for part in problem["loc"][1:]),
            location=str(problem["loc"][0]),
            message=problem["msg"],
        )
        for problem in error.errors()
    ]
    refused = InvalidRequestError(problems)
    return _answer(request, refused.status, str(refused), problems)


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"There is nothing at {request.url.path}; /api lists the products"
    return _answer(
        request, error.status_code, detail, headers=dict(error.headers) if error.headers else None
    )


def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, MalhaError)  # noqa: S101
    status, body, headers = problem_of(error, request.url.path)
    response = Response(body, status_code=status)
    response.raw_headers = headers
    return response


def _on_unexpected(request: Request, error: Exception) -> Response:
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "The server's log says why")
