"""What is attacked: an API of its own, and somebody who behaves well meanwhile."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from statistics import quantiles
from typing import Any

import httpx
import psutil

from tests.api.orders import PATH, ROWS, of_all
from tests.api.running import Running, rows_of

ASKED = 200
"""Questions of whoever behaves well, before an attack and during it."""


@dataclass
class Told:
    """How long answers took, in seconds, and how many were refused for a moment."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def p99(self) -> float:
        """All but one in a hundred were as quick."""
        return quantiles(self.seconds, n=100)[98]


@dataclass
class Line:
    """A line of the table: what an attack did to whoever behaves well."""

    attack: str
    idle: Told
    during: Told

    @property
    def ratio(self) -> float:
        """Of the p99 during the attack to that before it."""
        return self.during.p99 / self.idle.p99


TABLE: list[Line] = []
"""Of this run, for the end of its report."""

MEMORY: list[str] = []
"""What was seen of memory, for the same place."""


def behave(api: Running, key: str, until: Callable[[int], bool]) -> Told:
    """Ask one question after the other, each another one, and see that every answer is right."""
    told = Told()
    asked = 0
    while not until(asked):
        asked += 1
        started = time.perf_counter()
        # Memory answers it, and no cache.
        answer = api.get(PATH, {"Authorization": f"Bearer {key}"}, **of_all())
        told.seconds.append(time.perf_counter() - started)
        if answer.status_code in (429, 503):
            assert answer.headers["retry-after"]
            told.refused += 1
        else:
            assert rows_of(answer) == ROWS
        time.sleep(0.005)
    return told


def flood(url: str, headers: dict[str, str], requests: int, clients: int) -> list[int]:
    """The statuses of so many requests, sent by so many clients, from a process of their own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_flood, url, headers, requests, clients).result()


def _flood(url: str, headers: dict[str, str], requests: int, clients: int) -> list[int]:
    async def all_of_them() -> list[int]:
        limits = httpx.Limits(max_connections=clients)
        async with httpx.AsyncClient(headers=headers, limits=limits, timeout=60) as client:
            answers = await asyncio.gather(*(client.get(url) for _ in range(requests)))
        return [one.status_code for one in answers]

    return asyncio.run(all_of_them())


@contextmanager
def attacked(api: Running, key: str, attack: str) -> Iterator[None]:
    """Ask before what the block does, and during it; note how it went."""
    idle = behave(api, key, lambda asked: asked >= ASKED)
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        during = pool.submit(behave, api, key, lambda asked: over.is_set() and asked >= ASKED)
        try:
            yield
        finally:
            over.set()
    TABLE.append(Line(attack, idle, during.result()))


def process_of(api: Running) -> psutil.Process:
    """The API's process."""
    port = int(api.url.rsplit(":", 1)[1])
    for process in psutil.Process(os.getpid()).children(recursive=True):
        for one in process.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr.port == port:
                return process
    raise AssertionError(f"nobody listens at {port}")


@contextmanager
def watched(*processes: psutil.Process) -> Iterator[list[int]]:
    """The most memory that each process has while the block runs, in MB beyond what it had."""
    before = [one.memory_info().rss for one in processes]
    most = [0] * len(processes)
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for number, one in enumerate(processes):
                grown = (one.memory_info().rss - before[number]) // 1_000_000
                most[number] = max(most[number], grown)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def checks(api: Running) -> dict[str, Any]:
    """What readiness says of the parts."""
    found: dict[str, Any] = api.client.get("/health/ready").json()["checks"]
    return found
