"""Errors of the API; each is answered as problem details with its own status.

MalhaError
└── ApiError
    ├── InvalidRequestError   a parameter cannot be used
    ├── NotFoundError         there is no such product
    ├── MethodError           a method other than GET and HEAD
    ├── NotAcceptableError    no form of an answer that the caller accepts
    ├── BusyError             no connection became free in time
    ├── QueryTimeoutError     a query was cancelled
    ├── NotBuiltError         a product has no table yet
    ├── OutageError           Spark cannot reach the store or the metastore
    ├── SnapshotGoneError     the snapshot of a cursor has expired
    ├── CancelledError        nobody waits for the answer
    └── QueryError            an engine refused a query
"""

from collections.abc import Sequence
from http import HTTPStatus

from pydantic import BaseModel, Field

from malha.errors import MalhaError


class ApiError(MalhaError):
    """An error with an HTTP status; the message is shown to the caller."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    retry_after: int | None = None
    """Seconds after which it makes sense to ask again."""


class InvalidParameter(BaseModel):
    """One parameter that cannot be used."""

    parameter: str = Field(examples=["limit"])
    location: str = Field(examples=["query"])
    message: str = Field(examples=["an integer from 1 to 10000, or all, is needed"])


class InvalidRequestError(ApiError):
    """Parameters that cannot be used."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, problems: Sequence[InvalidParameter]) -> None:
        noun = "parameter" if len(problems) == 1 else "parameters"
        said = "; ".join(f"{one.parameter}: {one.message}" for one in problems)
        super().__init__(f"{len(problems)} {noun} cannot be used: {said}")
        self.problems = list(problems)


class NotFoundError(ApiError):
    """No product is served at the path."""

    status = HTTPStatus.NOT_FOUND


class MethodError(ApiError):
    """Products are read."""

    status = HTTPStatus.METHOD_NOT_ALLOWED


class NotAcceptableError(ApiError):
    """The `Accept` header names no form that the API has."""

    status = HTTPStatus.NOT_ACCEPTABLE


class BusyError(ApiError):
    """Every connection to the Thrift Server was in use for too long."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 1


class QueryTimeoutError(ApiError):
    """The query took longer than API_QUERY_TIMEOUT and was cancelled."""

    status = HTTPStatus.GATEWAY_TIMEOUT


class NotBuiltError(ApiError):
    """The product's table does not exist."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 30


class OutageError(ApiError):
    """Spark answers, and what it reads from does not."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 5


class SnapshotGoneError(ApiError):
    """Upkeep has removed the snapshot that a cursor was made on."""

    status = HTTPStatus.GONE


class CancelledError(ApiError):
    """The client hung up; nobody sees this."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class QueryError(ApiError):
    """An engine refused or failed the query; the log says why."""
