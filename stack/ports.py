"""Whether a port is free, and who has it where it is not."""

import socket
import time
from typing import Any

import psutil

from stack.errors import PortInUseError, StackError
from stack.services import Port

_ENDING_WITHIN = 5.0
"""Seconds that a process which was killed may need until its ports are given back."""


def check_free(port: Port) -> None:
    """Check that nobody listens on a port.

    Raises:
        PortInUseError: somebody does; the message names them and the variable to change.
        StackError: the port's host is no address of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(port.host, port.number)[0]
    except OSError as error:
        raise StackError(f"there is no address {port.host!r} to listen on ({error})") from None
    deadline = time.monotonic() + _ENDING_WITHIN
    while (problem := _bind(family, address)) is not None:
        holder = _holder(port.number)
        if holder is None and time.monotonic() < deadline:
            time.sleep(0.2)
            continue
        variable = port.variable + (f" + {port.offset}" if port.offset else "")
        raise PortInUseError(
            f"port {port.number} ({variable}) cannot be used: {holder or problem}. "
            f"Stop that, or choose another port: "
            f"make up {port.variable}={port.number - port.offset + 100}"
        )


def _bind(family: int, address: Any) -> OSError | None:
    """What keeps a port from being used; None where nothing does."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return error
    return None


def _holder(number: int) -> str | None:
    """Who listens on a port, as far as this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr[1:] == (number,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid}) has it"
    except (psutil.Error, OSError):
        return None
    return None
