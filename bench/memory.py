"""How much memory a process and its children take at most."""

import threading
from types import TracebackType

import psutil

MIB = 1024 * 1024


class PeakMemory:
    """Samples the resident memory of a process tree until the block ends.

    `mib` is the largest sum seen, in MiB. Memory that processes share counts once: a process that
    forks is for a moment two with the same memory.
    """

    def __init__(self, pid: int, interval: float = 0.25) -> None:
        self.mib = 0
        self._root = psutil.Process(pid)
        self._interval = interval
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._done.wait(self._interval):
            try:
                tree = [self._root, *self._root.children(recursive=True)]
                self.mib = max(self.mib, sum(_resident(process) for process in tree) // MIB)
            except psutil.NoSuchProcess:
                return

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()


def _resident(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.rss))  # only Linux knows the share of each
    except psutil.NoSuchProcess:
        return 0
