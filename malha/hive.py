"""Connections to the Spark Thrift Server."""

import logging
from contextlib import suppress

from pyhive import hive
from pyhive.exc import Error as HiveError
from pyhive.sasl_compat import PureSASLClient
from thrift.Thrift import TException
from thrift.transport.TSocket import TSocket
from thrift_sasl import TSaslClientTransport

from malha.errors import UnreachableError
from malha.settings import Settings

# PyHive logs every statement at INFO, and a statement can hold personal data.
logging.getLogger("pyhive").setLevel(logging.WARNING)

# A poll waits on the server until the query ends, but no longer than this.
_SESSION_CONFIGURATION = {"set:hiveconf:hive.server2.long.polling.timeout": "500ms"}


def connect(settings: Settings, *, user: str = "malha", timeout: float = 60) -> hive.Connection:
    """Open a session.

    PyHive by itself sets no timeout on its socket, so a silent server would block its caller
    for ever.

    Args:
        user: the name that the Spark UI shows for the session.
        timeout: seconds that the server may take to connect, and to answer any one call.

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
            thrift_transport=transport, username=user, configuration=_SESSION_CONFIGURATION
        )
    except (TException, HiveError, OSError, EOFError) as error:
        transport.close()
        raise UnreachableError(
            f"the Spark Thrift Server at {host}:{port} does not answer ({_reason(error)}): "
            "start the stack with `make up`, or set THRIFT_HOST and THRIFT_PORT"
        ) from error


def check(settings: Settings) -> None:
    """Run `select 1`.

    Raises:
        UnreachableError: the Thrift Server does not answer it.
    """
    connection = connect(settings, timeout=20)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
            cursor.fetchall()
    except (TException, HiveError, OSError, EOFError) as error:
        raise UnreachableError(
            f"the Spark Thrift Server at {settings.thrift_host}:{settings.thrift_port} "
            f"does not answer `select 1` ({_reason(error)})"
        ) from error
    finally:
        with suppress(TException, HiveError, OSError, EOFError):  # it may be gone by now
            connection.close()


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
