"""A load client that stays out of the way: keep-alive connections over epoll, in its own process.

`run` starts the process, hands it a `Load` as JSON and reads the `Timing` back. The process parses
only what it needs to find the end of an answer. It never compares answers: that is done before.
"""

import itertools
import json
import math
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.errors import BenchmarkError

_CHUNK = 1 << 18
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """One request: its method, target, body and the headers that are its own."""

    target: str
    method: str = "GET"
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """What is asked of a server on this machine, by how many clients, and for how long."""

    port: int
    requests: list[Request]
    """Asked in turn, by whichever client is free."""
    headers: dict[str, str]
    """Sent with each."""
    clients: int = 4
    status: int = 200
    """Any other status ends the load, but for refusals."""
    refusals: tuple[int, ...] = ()
    """Statuses that are counted apart and not timed."""
    warm_up_s: float = 1
    seconds: float = 5
    repeat: bool = True
    """Whether to begin the requests anew once all were asked; else the load ends then, and the
    warm-up has a fifth of them at most."""
    timeout_s: float = 120
    """How long one answer may take."""


@dataclass(frozen=True)
class Timing:
    """What the clients saw after the warm-up."""

    laps_ms: list[float]
    """Of each answer: from its request to its end."""
    seconds: float
    """From the first request to the last answer."""
    bytes: int
    """Of the answers' bodies."""
    refused: int = 0
    """How many refusals came besides."""

    def __add__(self, other: "Timing") -> "Timing":
        """Both, as if one had followed the other at once."""
        return Timing(
            [*self.laps_ms, *other.laps_ms],
            self.seconds + other.seconds,
            self.bytes + other.bytes,
            self.refused + other.refused,
        )

    @property
    def answers(self) -> int:
        """How many came."""
        return len(self.laps_ms)

    @property
    def rps(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds: the nearest rank.

        Raises:
            BenchmarkError: there are no laps.
        """
        if not self.laps_ms:
            raise BenchmarkError("there was no answer")
        laps = sorted(self.laps_ms)
        return round(laps[max(0, math.ceil(share * len(laps)) - 1)], 3)


def run(load: Load) -> Timing:
    """Put the load on the server from a process of its own.

    Raises:
        BenchmarkError: an answer had another status, or there was none.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(load)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BenchmarkError(f"the load of {load.requests[0].target} ended early: {last}")
    return Timing(**json.loads(done.stdout))


class Answer:
    """Finds the end of one HTTP/1.1 answer in the bytes as they come."""

    def __init__(self) -> None:
        self.status = 0
        self.body = 0
        """Bytes of body so far, without the frames of chunks."""
        self.closes = False
        """Whether the server ends the connection after it."""
        self._head = b""
        self._left: int | None = None
        """Bytes to come of the body or the chunk; None while reading head or frame."""
        self._chunked = False
        self._until_close = False
        self._frame = b""
        self._last = False

    def feed(self, data: bytes) -> bool:
        """Take what was received; true once the answer is whole. Empty data is the end."""
        if not data:
            if self._until_close:
                return True
            raise BenchmarkError("the server hung up in the middle of an answer")
        if not self.status:
            self._head += data
            head, found, data = self._head.partition(_HEAD_END)
            if not found:
                return False
            self._read_head(head)
        if self._chunked:
            return self._feed_chunks(data)
        self.body += len(data)
        return not self._until_close and self.body >= (self._left or 0)

    def _read_head(self, head: bytes) -> None:
        self.status = int(head[9:12])
        head = head.lower()
        self.closes = b"\r\nconnection: close" in head or head.startswith(b"http/1.0")
        if b"\r\ntransfer-encoding: chunked" in head:
            self._chunked = True
            return
        _, found, rest = head.partition(b"\r\ncontent-length:")
        if self.status in (204, 304):
            self._left = 0
        elif found:
            self._left = int(rest.split(b"\r\n", 1)[0])
        else:
            self._until_close = self.closes = True

    def _feed_chunks(self, data: bytes) -> bool:
        place, end = 0, len(data)
        while place < end:
            if self._left:
                taken = min(self._left, end - place)
                self._left -= taken
                place += taken
                continue
            stop = data.find(b"\n", place)
            if stop < 0:
                self._frame += data[place:]
                return False
            line = (self._frame + data[place:stop]).strip()
            self._frame = b""
            place = stop + 1
            if not line:  # the end of a chunk, or of them all
                if self._last:
                    return True
            elif not self._last:
                self._left = int(line.split(b";")[0], 16)
                self.body += self._left
                self._last = self._left == 0
        return False


class _Client:
    """One connection, with one request under way at a time."""

    def __init__(self, load: Load, selector: selectors.BaseSelector) -> None:
        self._load = load
        self._selector = selector
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._load.port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(self._socket, selectors.EVENT_READ, self)

    def ask(self, request: bytes) -> None:
        self._answer = Answer()
        self.started = time.perf_counter()
        self._socket.sendall(request)

    def receive(self) -> Answer | None:
        """The answer if it is whole now."""
        if not self._answer.feed(self._socket.recv(_CHUNK)):
            return None
        if self._answer.closes:
            self.close()
            self._connect()
        return self._answer

    def close(self) -> None:
        self._selector.unregister(self._socket)
        self._socket.close()


def encode(load: Load, request: Request) -> bytes:
    """The request as it is sent."""
    headers = {"Host": f"127.0.0.1:{load.port}", **load.headers, **request.headers}
    body = request.body.encode()
    if body:
        headers["Content-Length"] = str(len(body))
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + _HEAD_END + body


def _drive(load: Load) -> Timing:
    encoded = [encode(load, request) for request in load.requests]
    kept = 0 if load.repeat else len(encoded) // 5 * bool(load.warm_up_s)
    with selectors.DefaultSelector() as selector:
        clients = [_Client(load, selector) for _ in range(load.clients)]
        if load.warm_up_s:
            warm_up = itertools.cycle(encoded) if load.repeat else iter(encoded[:kept])
            _phase(load, selector, clients, warm_up, load.warm_up_s)
        to_ask = itertools.cycle(encoded) if load.repeat else iter(encoded[kept:])
        return _phase(load, selector, clients, to_ask, load.seconds)


def _phase(
    load: Load,
    selector: selectors.BaseSelector,
    clients: list[_Client],
    to_ask: Iterator[bytes],
    seconds: float,
) -> Timing:
    """One round of the clients; what is under way at the end is waited for."""
    begin = time.perf_counter()
    laps: list[float] = []
    size = busy = refused = 0
    for client in clients:
        if (request := next(to_ask, None)) is not None:
            client.ask(request)
            busy += 1
    end = begin + seconds
    while busy:
        events = selector.select(load.timeout_s)
        if not events:
            raise BenchmarkError(f"no answer within {load.timeout_s:g} s")
        for key, _ in events:
            client = key.data
            answer = client.receive()
            if answer is None:
                continue
            now = time.perf_counter()
            if answer.status in load.refusals:
                refused += 1
            elif answer.status == load.status:
                laps.append((now - client.started) * 1000)
                size += answer.body
            else:
                raise BenchmarkError(f"an answer had the status {answer.status}")
            request = next(to_ask, None) if now < end else None
            if request is None:
                busy -= 1
            else:
                client.ask(request)
    return Timing(laps, time.perf_counter() - begin, size, refused)


def _main() -> None:
    given: dict[str, Any] = json.load(sys.stdin)
    given["requests"] = [Request(**request) for request in given["requests"]]
    try:
        found = _drive(Load(**given))
    except (BenchmarkError, OSError, ValueError) as error:
        sys.exit(str(error))
    json.dump(asdict(found), sys.stdout)


if __name__ == "__main__":
    _main()
