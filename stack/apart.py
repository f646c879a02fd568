"""A stack of its own beside any other on this machine, for tests and benchmarks."""

import fcntl
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO

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

# Ports, and their companions 10000 above, below those that the system gives to connections.
_PORTS = range(20000, 22700)
_COMPANION = 10000
_BLOCK = 10

_held: list[IO[str]] = []
"""The locks of this process's blocks, for as long as it lives."""
_ports: list[int] = []
"""Ports of those blocks that were not handed out yet."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, whose companions 10000 above are free too.

    Each is handed out once, from blocks that are locked for as long as this process lives, so that
    two processes that look at the same time do not find the same ones.

    Raises:
        StackError: there are not so many.
    """
    found: list[int] = []
    while len(found) < count:
        if not _ports:
            _ports.extend(_next_block())
        port = _ports.pop(0)
        if _is_free(port):
            found.append(port)
    return found


def _next_block() -> range:
    folder = Path(tempfile.gettempdir()) / "malha-ports"
    folder.mkdir(exist_ok=True)
    for first in _PORTS[::_BLOCK]:
        lock = (folder / str(first)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        _held.append(lock)
        return range(first, first + _BLOCK)
    raise StackError(
        f"all ports from {_PORTS.start} to {_PORTS.stop} belong to other tests or benchmarks: "
        "wait until they have ended"
    )


def _is_free(port: int) -> bool:
    with ExitStack() as probes:
        try:
            for number in (port, port + _COMPANION):
                probe = probes.enter_context(socket.socket())
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True


def own_environment(folder: Path | None = None) -> dict[str, str]:
    """Variables that keep a stack apart: other ports, and a folder for all that it writes.

    Args:
        folder: a new temporary one by default. A short path: the supervisor's socket has to fit
            into a socket's address.
    """
    folder = folder or Path(tempfile.mkdtemp(prefix="malha-"))
    ports = free_ports(len(_PORT_VARIABLES))
    return {
        "STACK_DIR": str(folder),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_PROJECT_DIR": str(ROOT / "dbt_project"),
        "DBT_PROFILES_DIR": str(ROOT),
        "TERM": "dumb",
    } | {name: str(port) for name, port in zip(_PORT_VARIABLES, ports, strict=True)}
