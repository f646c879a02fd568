"""Who holds a lock of the metastore, and whether that one still lives.

A lock names the processes that may write under it, so that whoever meets it on the same machine can
look for them.
"""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from hive_metastore.ttypes import ShowLocksResponseElement

_AGENT = re.compile(r"^malha-ingest (?P<place>\S*) (?P<processes>\d+@\d+(?: \d+@\d+)*)$")


@dataclass(frozen=True)
class Process:
    """A process of this machine; the second in which it began tells it from a later namesake."""

    pid: int
    began: int

    @classmethod
    def of(cls, pid: int) -> "Process":
        """The process that has this number now."""
        return cls(pid, int(psutil.Process(pid).create_time()))

    def lives(self) -> bool:
        """Whether it still runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            # The clock may have been set since, by a second or two.
            same = abs(process.create_time() - self.began) < 3
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def describe(pids: Sequence[int]) -> str:
    """What a lock says of its holder: the processes of these numbers, and where they run."""
    processes = [Process.of(pid) for pid in pids]
    return " ".join(["malha-ingest", _place(), *(f"{one.pid}@{one.began}" for one in processes)])


def alive(lock: ShowLocksResponseElement) -> bool | None:
    """Whether a lock's holder runs; None where that cannot be seen from here, or not yet.

    A JVM without its Python process ends by itself, but may write until then.
    """
    found = _AGENT.match(lock.agentInfo or "")
    if found is None or lock.hostname != socket.gethostname() or found["place"] != _place():
        return None
    processes = [one.split("@") for one in found["processes"].split(" ")]
    first, *others = [Process(int(pid), int(began)).lives() for pid, began in processes]
    return True if first else None if any(others) else False


def pid(lock: ShowLocksResponseElement) -> str:
    """The number of the process that took a lock."""
    found = _AGENT.match(lock.agentInfo or "")
    return found["processes"].partition("@")[0] if found else "unknown"


def _place() -> str:
    """Among whose processes this one counts: two containers of one name are two places."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "-"
