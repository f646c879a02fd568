"""Connections to the Spark Thrift Server."""

import logging
import re
from collections.abc import Callable, Mapping

from pyhive import hive
from pyhive.exc import Error as HiveError
from pyhive.sasl_compat import PureSASLClient
from TCLIService.ttypes import TOperationState
from thrift.Thrift import TException
from thrift.transport.TSocket import TSocket
from thrift_sasl import TSaslClientTransport

from malha.errors import UnreachableError
from malha.settings import Settings

# PyHive logs every statement at INFO, and a statement can hold personal data.
logging.getLogger("pyhive").setLevel(logging.WARNING)

# A poll waits on the server until the query ends, but no longer than this.
_SESSION_CONFIGURATION = {"set:hiveconf:hive.server2.long.polling.timeout": "500ms"}

_RUNNING = (
    TOperationState.INITIALIZED_STATE,
    TOperationState.PENDING_STATE,
    TOperationState.RUNNING_STATE,
)


class StatementFailedError(Exception):
    """Spark ended a statement with this message, which may be long and of Java's making."""


_FRAME = re.compile(r"\n\s+(at |\.\.\. \d+ (more|common frames)).*")


def without_frames(message: str) -> str:
    """Java's message and causes without the lines of its stack traces."""
    return _FRAME.sub("", message)


def connect(
    settings: Settings,
    *,
    user: str = "malha",
    timeout: float = 60,
    configuration: Mapping[str, str] | None = None,
) -> hive.Connection:
    """Open a session.

    PyHive by itself sets no timeout on its socket, so a silent server would block its caller
    for ever.

    Args:
        user: the name that the Spark UI shows for the session.
        timeout: seconds that the server may take to connect, and to answer any one call.
        configuration: more options of the session, as `set:hiveconf:<key>`.

    Raises:
        UnreachableError: the Thrift Server does not answer.
    """
    host, port = settings.thrift_host, settings.thrift_port
    socket = TSocket(host, port)
    socket.setTimeout(timeout * 1000)
    transport = TSaslClientTransport(
        # The server asks for a password and accepts any.
        lambda: PureSASLClient(host=host, username=user, password="any"),  # noqa: S106
        "PLAIN",
        socket,
    )
    try:
        return hive.Connection(
            thrift_transport=transport,
            username=user,
            configuration=_SESSION_CONFIGURATION | dict(configuration or {}),
        )
    except (TException, HiveError, OSError, EOFError) as error:
        transport.close()
        raise UnreachableError(
            f"the Spark Thrift Server at {host}:{port} does not answer ({_reason(error)}): "
            "start the stack with `make up`, or set THRIFT_HOST and THRIFT_PORT"
        ) from error


def run(cursor: hive.Cursor, sql: str, check: Callable[[], None]) -> None:
    """Run a statement to its end; a blocked call could neither be stopped nor outlast the socket.

    Args:
        check: called about twice a second meanwhile; what it raises cancels the statement.

    Raises:
        StatementFailedError: Spark refused or failed the statement.
    """
    cursor.execute(sql, async_=True)
    # Each poll waits on the server until the query ends, or for half a second.
    while (status := cursor.poll(get_progress_update=False)).operationState in _RUNNING:
        try:
            check()
        except BaseException:
            cursor.cancel()
            raise
    if status.operationState != TOperationState.FINISHED_STATE:
        message = status.errorMessage or "Spark does not say why"
        raise StatementFailedError(without_frames(message))


def check(settings: Settings) -> None:
    """Run `select 1`.

    Raises:
        UnreachableError: the Thrift Server does not answer it.
    """
    connection = connect(settings, timeout=20)
    try:
        cursor = connection.cursor()
        cursor.execute("select 1")
        cursor.fetchall()
        connection.close()
    except (TException, HiveError, OSError, EOFError) as error:
        # Nothing more can be asked here: the late answer would be taken for that of the next call.
        connection._transport.close()
        raise UnreachableError(
            f"the Spark Thrift Server at {settings.thrift_host}:{settings.thrift_port} "
            f"does not answer `select 1` ({_reason(error)})"
        ) from error


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
