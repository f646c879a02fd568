"""The servers that the API benchmark asks, each where and as whom, and those that it starts."""

import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.errors import BenchmarkError
from bench.load import Request
from malha.settings import ROOT, Settings
from stack.apart import free_ports
from stack.supervision import Supervisor

_READY_WITHIN = 90.0


@dataclass(frozen=True)
class Server:
    """A server on this machine."""

    system: str
    port: int
    pid: int
    """The root of its process tree."""
    headers: dict[str, str] = field(default_factory=dict)
    """That each request has."""


@dataclass(frozen=True)
class Answered:
    """One answer in full."""

    status: int
    body: bytes
    etag: str


# The limit of requests is on, and no client of the benchmark comes near it.
UNLIMITED = {"API_RATE_LIMIT": "1000000"}
COLD = {"API_TIER_ROWS": "0", "API_CACHE_MB": "0"}
"""Settings of a stack whose API asks Spark everything."""

_COPY_S = 120
_COPIED = re.compile(rb'^malha_api_tier_rows\{product="cliente_pedido"\} [1-9]', re.MULTILINE)


def malha(settings: Settings) -> Server:
    """The API of a stack that is up, as the client of its demo key, with the product in memory.

    Raises:
        BenchmarkError: it does not come there.
    """
    key = settings.stack_dir / "api/demo.key"
    headers = {"Authorization": f"Bearer {key.read_text().strip()}"} if key.exists() else {}
    pid = Supervisor(settings).states()["api"].pid
    server = Server("malha", settings.api_port, pid, headers)
    deadline = time.monotonic() + _COPY_S
    while settings.api_tier_rows and not _COPIED.search(ask(server, Request("/metrics")).body):
        if time.monotonic() > deadline:
            raise BenchmarkError(f"malha has no copy of the product after {_COPY_S} s")
        time.sleep(0.5)
    return server


@contextmanager
def roapi(parquet: Path) -> Iterator[Server]:
    """ROAPI with its defaults: the table is in its memory."""
    ports = free_ports(3)
    http, postgres, flight = (f"127.0.0.1:{port}" for port in ports)
    options = ["-a", http, "-p", postgres, "--addr-flight-sql", flight]
    command = [f"{sys.prefix}/bin/roapi", *options, "-t", f"cliente_pedido={parquet}"]
    with _started("roapi", command, ports[0], "/health") as server:
        yield server


@contextmanager
def original(parquet: Path) -> Iterator[Server]:
    """The Flask app with its own Spark session."""
    (port,) = free_ports(1)
    command = [sys.executable, str(ROOT / "bench/original.py"), str(parquet), str(port)]
    with _started("original", command, port, "/") as server:
        yield server


@contextmanager
def trivial() -> Iterator[Server]:
    """A server that does nothing, as fast as Python's servers are."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "uvicorn", "bench.trivial:app", f"--port={port}"]
    options = ["--lifespan=off", "--no-access-log", "--log-level=warning"]
    with _started("trivial", [*command, *options], port, "/") as server:
        yield server


def ask(server: Server, request: Request, timeout: float = 300) -> Answered:
    """Ask once.

    Raises:
        BenchmarkError: there was no answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    try:
        connection.request(
            request.method,
            request.target,
            request.body.encode() or None,
            server.headers | request.headers,
        )
        response = connection.getresponse()
        return Answered(response.status, response.read(), response.headers.get("ETag", ""))
    except (OSError, http.client.HTTPException) as error:
        what = str(error) or type(error).__name__
        raise BenchmarkError(f"{server.system} does not answer {request.target} ({what})") from None
    finally:
        connection.close()


@contextmanager
def _started(system: str, command: list[str], port: int, path: str) -> Iterator[Server]:
    """Start a server, wait until it answers, and end it with its children.

    Raises:
        BenchmarkError: it ended, or did not answer in time.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = psutil.Popen(
            command,
            cwd=ROOT,
            # Spark would take the hive configuration of the mesh from these.
            env={name: value for name, value in os.environ.items() if "SPARK" not in name},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        server = Server(system, port, process.pid)
        try:
            deadline = time.monotonic() + _READY_WITHIN
            while not _answers(server, path):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    last = "".join(log.readlines()[-10:])
                    raise BenchmarkError(f"{system} does not come up: {' '.join(command)}\n{last}")
                time.sleep(0.1)
            yield server
        finally:
            _end(process)


def _answers(server: Server, path: str) -> bool:
    try:
        ask(server, Request(path), timeout=5)
    except BenchmarkError:
        return False
    return True


def _end(process: psutil.Process) -> None:
    tree = [*process.children(recursive=True), process] if process.is_running() else []
    for one in tree:
        one.terminate()
    _, alive = psutil.wait_procs(tree, timeout=10)
    for one in alive:
        one.kill()
    psutil.wait_procs(alive, timeout=10)
