"""Errors as problem details (RFC 9457)."""

import logging
from http import HTTPStatus
from urllib.parse import quote

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from api.errors import ApiError
from malha.errors import UnreachableError

MEDIA_TYPE = "application/problem+json"

log = logging.getLogger("malha.api")


class InvalidParameter(BaseModel):
    """One parameter that cannot be used."""

    parameter: str = Field(examples=["limit"])
    location: str = Field(examples=["query"])
    message: str = Field(examples=["Input should be less than or equal to 10000"])


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["1 parameter cannot be used"])
    instance: str = Field(examples=["/api/cliente-pedido"])
    errors: list[InvalidParameter] | None = None


def install(app: FastAPI) -> None:
    """Answer every error of the application as problem details."""
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(UnreachableError, _on_unreachable)
    app.add_exception_handler(Exception, _on_unexpected)


def _answer(
    request: Request,
    status: int,
    detail: str,
    errors: list[InvalidParameter] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=quote(request.url.path),
        errors=errors,
    )
    body = msgspec.json.encode(problem.model_dump(exclude_none=True))
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = []
    for problem in error.errors():
        location, *name = problem["loc"]
        message = problem["msg"]
        if problem["type"] == "extra_forbidden":
            message = "There is no such parameter"
        parameter = ".".join(str(part) for part in name)
        errors.append(
            InvalidParameter(parameter=parameter, location=str(location), message=message)
        )
    noun = "parameter" if len(errors) == 1 else "parameters"
    detail = f"{len(errors)} {noun} cannot be used: " + "; ".join(
        f"{e.parameter}: {e.message}" for e in errors
    )
    return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors)


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"There is nothing at {request.url.path}; /api lists the products"
    return _answer(
        request, error.status_code, detail, headers=dict(error.headers) if error.headers else None
    )


def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
    return _answer(request, error.status, str(error), headers=headers)


def _on_unreachable(request: Request, error: Exception) -> Response:
    log.warning("%s", error)
    detail = "The query engine does not answer at the moment"
    return _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "5"})


def _on_unexpected(request: Request, error: Exception) -> Response:
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "The server's log says why")
