"""The Hive metastore, seen from Python: Thrift calls without Spark."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from hive_metastore.ThriftHiveMetastore import Client
from thrift.protocol import TBinaryProtocol
from thrift.Thrift import TException
from thrift.transport import TSocket, TTransport

from malha.errors import UnreachableError
from malha.settings import Settings


class client:
    """A connection to the metastore for a few calls, each given 5 seconds.

    A class, since the exceptions that Thrift generates are immutable, which a generator's context
    manager cannot pass on.
    """

    def __init__(self, settings: Settings) -> None:
        address = urlsplit(settings.metastore_uri)
        socket = TSocket.TSocket(address.hostname, address.port)
        socket.setTimeout(5000)
        self._transport = TTransport.TBufferedTransport(socket)

    def __enter__(self) -> Client:
        self._transport.open()
        return Client(TBinaryProtocol.TBinaryProtocol(self._transport))

    def __exit__(self, *_: object) -> None:
        self._transport.close()


def check(settings: Settings) -> None:
    """Make one Thrift call.

    Raises:
        UnreachableError: the metastore does not answer.
    """
    with reporting(settings), client(settings) as metastore:
        metastore.get_all_databases()


@contextmanager
def reporting(settings: Settings) -> Iterator[None]:
    """Raise UnreachableError where a call to the metastore fails in the block."""
    try:
        yield
    except (TException, OSError) as error:
        raise UnreachableError(
            f"the metastore at {settings.metastore_uri} does not answer ({error}): "
            "start the stack with `make up`, or set METASTORE_URI"
        ) from error
