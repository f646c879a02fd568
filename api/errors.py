"""Errors of the API; each is answered as problem details with its own status.

MalhaError
└── ApiError
    ├── InvalidRequestError   a parameter cannot be used
    ├── NotFoundError         there is no such product
    ├── NotServedError        a product's declaration cannot be used
    ├── MethodError           a method other than GET and HEAD
    ├── NotAcceptableError    no form of an answer that the caller accepts
    ├── BusyError             no connection became free in time
    ├── QueryTimeoutError     a query was cancelled
    ├── NotBuiltError         a product has no table yet
    ├── OutageError           Spark cannot reach the store or the metastore
    ├── SnapshotGoneError     the snapshot of a cursor has expired
    ├── CancelledError        nobody waits for the answer
    ├── QueryError            an engine refused a query
    ├── UnauthorizedError     who asks is not known
    ├── ForbiddenError        who asks may not
    ├── TooManyRequestsError  who asks has asked too often
    ├── KeySetError           the server of the tokens' keys does not answer
    └── KeysFileError         the file of keys cannot be read or changed
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from pydantic import BaseModel, Field

from malha.errors import MalhaError


class ApiError(MalhaError):
    """An error with an HTTP status; the message is shown to the caller."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    retry_after: int | None = None
    """Seconds after which it makes sense to ask again."""
    pause = 0.0
    """Seconds before it is answered, which slow down who asks again at once."""

    def __init__(self, message: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = dict(headers or {})
        """What the answer's header has beside Retry-After."""


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


class NotServedError(ApiError):
    """A product is declared in a way in which it cannot be served."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 60


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
    pause = 0.25


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


CHALLENGE = 'Bearer realm="malha"'
"""How the API is to be spoken to, in WWW-Authenticate."""


class UnauthorizedError(ApiError):
    """No credential was given where one is needed, or one that is no good.

    Args:
        message: the reason, safe to show.
        given: whether there was a credential.
    """

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, message: str, *, given: bool = True) -> None:
        error = ', error="invalid_token"' if given else ""
        super().__init__(message, {"WWW-Authenticate": CHALLENGE + error})


class ForbiddenError(ApiError):
    """The caller is known and lacks a scope."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self, message: str) -> None:
        challenge = f'{CHALLENGE}, error="insufficient_scope"'
        super().__init__(message, {"WWW-Authenticate": challenge})


class TooManyRequestsError(ApiError):
    """A limit of requests, or of wrong credentials, is used up.

    Args:
        message: which one.
        retry_after: seconds until there is something left.
    """

    status = HTTPStatus.TOO_MANY_REQUESTS
    pause = 0.25

    def __init__(
        self, message: str, retry_after: int, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, headers)
        self.retry_after = retry_after


class KeySetError(ApiError):
    """A token cannot be verified: the server of its keys does not answer."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after = 5


class KeysFileError(ApiError):
    """The file of keys cannot be read or changed, or does not have the key that is named."""
