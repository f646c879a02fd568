"""A stack of its own beside any other on this machine, for tests and benchmarks."""

import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path

from malha.settings import ROOT
from stack.errors import StackError

_PORT_VARIABLES = (
    "S3_PORT",
    "S3_MASTER_PORT",
    "S3_VOLUME_PORT",
    "S3_FILER_PORT",
    "METASTORE_PORT",
    "THRIFT_PORT",
    "SPARK_UI_PORT",
    "API_PORT",
)


def free_ports(count: int, first: int = 20000) -> list[int]:
    """Ports that nobody listens on, whose companions 10000 above are free too.

    Raises:
        StackError: there are not so many.
    """
    found: list[int] = []
    with ExitStack() as held:
        for port in range(first, 50000):
            try:
                for number in (port, port + 10000):
                    probe = held.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", number))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
    raise StackError(f"there are no {count} free ports from {first} on: stop what listens there")


def own_environment(first_port: int = 20000) -> dict[str, str]:
    """Variables that keep a stack apart: other ports, and a new folder for all that it writes."""
    # A short path: the supervisor's socket has to fit into a socket's address.
    folder = Path(tempfile.mkdtemp(prefix="malha-"))
    ports = free_ports(len(_PORT_VARIABLES), first_port)
    return {
        "STACK_DIR": str(folder),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_PROJECT_DIR": str(ROOT / "dbt_project"),
        "COLUMNS": "200",
        "TERM": "dumb",
    } | {name: str(port) for name, port in zip(_PORT_VARIABLES, ports, strict=True)}
