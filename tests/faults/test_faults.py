"""Every landed row is in bronze exactly once, whatever is killed and whenever.

FAULT_KILLS says how often something is killed, FAULT_SEED makes a run's choices again.
"""

import os
import random
import time
from collections import Counter
from itertools import cycle, islice

import pytest
from rich.console import Console
from rich.table import Table

from tests.faults.deliveries import Deliveries
from tests.faults.faults import Faults, Ingest
from tests.mesh import Mesh

KINDS = (
    *("ingest", "s3", "metastore", "one of two"),  # as many as `make test` has time for
    *("mid-commit", "python alone", "ingest", "JVM alone", "ingest", "ingest", "ingest"),
)


@pytest.mark.timeout(3600)
def test_every_row_is_in_bronze_once_after_kills_at_random_moments(
    fresh: Mesh, capsys: pytest.CaptureFixture[str]
) -> None:
    kills = int(os.environ.get("FAULT_KILLS", "4"))
    seed = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**6))
    chance = random.Random(seed)  # noqa: S311 - choices, not secrets
    deliveries = Deliveries(fresh, chance)
    faults = Faults(fresh, chance)
    done: Counter[str] = Counter()
    lost = duplicated = checks = restarts = 0
    started = time.monotonic()
    try:
        for number, kind in enumerate(["none", *islice(cycle(KINDS), kills)]):
            deliveries.land()
            if kind != "none":
                faults.cause(kind)
                done[kind] += 1
                restarts += 1
            # Mostly a kill follows a kill, so that what one leaves meets the next.
            if kind == "none" or number == kills or number % 4 == 0:
                begun = time.monotonic()
                code, said = Ingest().end()
                assert code == 0, said
                faults.length = faults.length or time.monotonic() - begun
                lost, duplicated = deliveries.compare()
                checks += 1
                assert (lost, duplicated) == (0, 0)
    finally:
        table = Table("", "", title="faults", show_header=False)
        table.add_row("seed", str(seed))
        for kind, count in done.items():
            table.add_row(f"killed: {kind}", str(count))
        table.add_row("kills", str(done.total()))
        table.add_row("restarts", str(restarts))
        table.add_row("comparisons with the files", str(checks))
        table.add_row("rows landed", f"{deliveries.landed:,}")
        table.add_row("rows lost", str(lost))
        table.add_row("rows duplicated", str(duplicated))
        table.add_row("seconds", f"{time.monotonic() - started:.0f}")
        with capsys.disabled():
            Console(width=60).print("", table)
