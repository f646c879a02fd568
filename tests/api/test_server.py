"""What is said where the API cannot be served."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from malha.settings import ROOT
from tests.mesh import free_ports


@pytest.fixture
def taken() -> Iterator[str]:
    """A port at which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


def serve(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api"],
        env=os.environ | {"STACK_DIR": str(folder)} | settings,
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_port_that_is_in_use_is_named_with_its_settings(tmp_path: Path, taken: str) -> None:
    (free,) = free_ports(1)
    for ports, names in (
        ({"API_PORT": taken}, "API_HOST and API_PORT"),
        ({"API_PORT": str(free), "API_HEALTH_PORT": taken}, "API_HEALTH_HOST and API_HEALTH_PORT"),
    ):
        said = serve(tmp_path, **ports)
        assert said.returncode == 1
        assert f"error: nothing can listen at 127.0.0.1:{taken}" in said.stderr
        assert said.stderr.rstrip().endswith(f"set {names}")
        assert "Traceback" not in said.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"API_STALL_SECONDS": "0"}, "error: API_STALL_SECONDS='0': Input should be greater"),
        ({"API_TLS_CERTIFICATE": "/nope.pem"}, "error: API_TLS_CERTIFICATE='/nope.pem' and"),
        ({"API_PORT": "7", "API_HEALTH_PORT": "7"}, "error: API_HEALTH_PORT='7': Value error, is"),
    ],
)
def test_setting_that_cannot_be_used_is_named(
    tmp_path: Path, taken: str, settings: dict[str, str], message: str
) -> None:
    said = serve(tmp_path, **{"API_PORT": taken} | settings)
    assert said.returncode == 1
    assert message in said.stderr
    assert "Traceback" not in said.stderr
