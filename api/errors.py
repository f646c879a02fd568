"""Errors of the API; each is answered as problem details with its own status.

MalhaError
└── ApiError
    ├── BusyError             no connection became free in time
    ├── QueryTimeoutError     a query was cancelled
    ├── NotBuiltError         a product has no table yet
    ├── OutageError           Spark cannot reach the store or the metastore
    └── QueryError            Spark refused a query
"""

from http import HTTPStatus

from malha.errors import MalhaError


class ApiError(MalhaError):
    """An error with an HTTP status; the message is shown to the caller."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    retry_after: int | None = None
    """Seconds after which it makes sense to ask again."""


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


class QueryError(ApiError):
    """Spark refused or failed the query; the log says why."""
