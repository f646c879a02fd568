"""Every landed row is in bronze exactly once, whatever is killed and whenever.

FAULT_KILLS says how often something is killed, FAULT_SEED makes a run's choices again. Without
FAULT_KILLS there are four kills, and Spark is started anew only where a start is part of what is
killed.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle, islice

import pytest
from rich.console import Console
from rich.table import Table

from tests.faults.deliveries import Deliveries
from tests.faults.faults import Faults, Ingest
from tests.ingest.locks import foreign_lock, locks
from tests.mesh import Mesh, eventually, ok

KINDS = (
    *("ingest", "s3", "metastore", "one of two"),  # as many as `make test` has time for
    *("mid-commit", "python alone", "ingest", "JVM alone", "ingest", "ingest", "ingest"),
)

# The metastore waits a minute for a heartbeat, and looks for locks without one every ten seconds.
_EXPIRY_SECONDS = 90


@pytest.fixture
def silent_holder(mesh: Mesh) -> Iterator[Callable[[], None]]:
    """A lock whose holder, on another machine, has died; call it to see that the lock is gone.

    What takes a minute anyway is not to wait for it twice.
    """
    started = time.monotonic()

    def is_gone() -> bool:
        return not locks(mesh.settings, "abandoned")

    def check() -> None:
        eventually(is_gone, seconds=max(10, started + _EXPIRY_SECONDS - time.monotonic()))

    with foreign_lock(mesh.settings, "abandoned"):
        yield check


@pytest.mark.timeout(3600)
def test_every_row_is_in_bronze_once_after_kills_at_random_moments(
    empty: Mesh, silent_holder: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    kills = int(os.environ.get("FAULT_KILLS") or 4)
    warm = not os.environ.get("FAULT_KILLS")
    seed = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**6))
    chance = random.Random(seed)  # noqa: S311 - choices, not secrets
    deliveries = Deliveries(empty, chance)
    faults = Faults(empty, chance, warm=warm)
    done: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    lost = duplicated = checks = 0
    started = time.monotonic()

    def ingest() -> None:
        if warm:
            ok(empty.ingest())
        else:
            code, said = Ingest(empty).end()
            assert code == 0, said

    def compare() -> None:
        nonlocal lost, duplicated, checks
        lost, duplicated = deliveries.compare()
        checks += 1
        assert (lost, duplicated) == (0, 0)

    try:
        faults.measure(deliveries.land)
        compare()
        for number, kind in enumerate(islice(cycle(KINDS), kills), start=1):
            deliveries.land()
            began = time.monotonic()
            faults.cause(kind)
            done[kind] += 1
            spent[kind] += round(time.monotonic() - began)
            # Mostly a kill follows a kill, so that what one leaves meets the next.
            if number == kills or number % 4 == 0:
                ingest()
                compare()
        silent_holder()
    finally:
        table = Table("", "", title="faults", show_header=False)
        table.add_row("seed", str(seed))
        for kind, times in done.items():
            table.add_row(f"killed: {kind}", f"{times} ({spent[kind]} s)")
        table.add_row("kills", str(done.total()))
        table.add_row("comparisons with the files", str(checks))
        table.add_row("rows landed", f"{deliveries.landed:,}")
        table.add_row("rows lost", str(lost))
        table.add_row("rows duplicated", str(duplicated))
        table.add_row("seconds", f"{time.monotonic() - started:.0f}")
        with capsys.disabled():
            Console(width=60).print("", table)
