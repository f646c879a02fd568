import os
import socket
from collections.abc import Iterator

import pytest

from stack.errors import PortInUseError
from stack.ports import check_free
from stack.services import Port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_port_in_use_is_named_with_variable_and_holder(taken: int) -> None:
    with pytest.raises(
        PortInUseError, match=rf"port {taken} \(API_PORT\) .* \(pid {os.getpid()}\)"
    ):
        check_free(Port(taken, "API_PORT"))


def test_port_that_follows_another_names_the_variable_that_moves_it(taken: int) -> None:
    port = Port(taken, "S3_PORT", offset=10000)
    with pytest.raises(PortInUseError, match=rf"S3_PORT \+ 10000.* S3_PORT={taken - 10000 + 100}"):
        check_free(port)


def test_free_port_is_let_through(taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    check_free(Port(free, "API_PORT"))
