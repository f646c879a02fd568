"""The API under ten times the clients of its benchmark; `make bench-overload` calls it."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich import box
from rich.table import Table

from bench import load, servers
from bench.cases import Case, Facts, cases
from bench.data import Delivery
from bench.figures import write_json
from bench.load import Load, Timing
from bench.own_stack import Report, console, fill, generated, own_stack, restarted, say
from bench.servers import COLD, UNLIMITED, Server
from malha.console import run_app
from malha.settings import ROOT

app = typer.Typer(add_completion=False)

_CLIENTS = 4
_TIMES = 10
_RECOVERY_S = 2

_FACTS = Facts(range(1, 10_000), Decimal(1000), Decimal(300_000))
"""Of TPC-H at any scale from 0.1: so many clients, and values between these."""

_EXAMPLES = """Ask the API by ten times the clients of its benchmark, and see that it stays itself.

Each kind of work is asked for by four clients, then by forty that ask again at once, then, two
seconds later, by four again. What is refused is counted; what is answered is timed.

Examples:

  make bench-overload

  make bench-overload SCALE=0.1 ARGS="--seconds 10"
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one kind of work; milliseconds, MiB of the API's resident memory."""

    work: str
    idle_p50_ms: float
    idle_p99_ms: float
    answered: int
    refused: int
    """503 and 429."""
    p50_ms: float
    p99_ms: float
    after_p99_ms: float
    rss_before_mib: int
    rss_after_mib: int

    @property
    def times_idle(self) -> float:
        """How much slower the slowest hundredth is than without the load."""
        return self.p99_ms / self.idle_p99_ms


@app.command(help=_EXAMPLES)
def main(
    scale: Annotated[float, typer.Option(min=0.1, max=100, help="TPC-H's scale")] = 1,
    seconds: Annotated[float, typer.Option(min=1, max=120, help="Of the load, each kind")] = 30,
    results: Annotated[Path, typer.Option(help="Where the figures go, as JSON")] = (
        ROOT / "bench/results/overload.json"
    ),
) -> None:
    with generated(scale) as (_, base), console.status("running"):
        found = list(measure(base, seconds, say))
    write_json(found, results)
    console.print(_table(found, base.orders))
    console.print(f"{results}", markup=False, soft_wrap=True)


def measure(base: Delivery, seconds: float, report: Report) -> Iterator[Outcome]:
    """Each kind of work in turn, on a fresh stack."""
    known = {case.name: case for case in cases(_FACTS, seed=random.randrange(1 << 30))}  # noqa: S311
    with own_stack(report, UNLIMITED) as settings:
        fill(base, settings, report)
        server = servers.malha(settings)
        for work in ("first page", "one client", "range sorted"):
            yield _overloaded(work, known[work], server, seconds, report)
        cold = servers.malha(restarted(COLD, report))
        yield _overloaded("cold", known["cold"], cold, seconds, report)


def _overloaded(work: str, case: Case, server: Server, seconds: float, report: Report) -> Outcome:
    def ask(clients: int, seconds: float, warm_up_s: float = 0) -> Timing:
        random.shuffle(case.questions)
        requests = [request for one in case.questions if (request := one.malha)]
        refusals = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
        asked = Load(
            server.port,
            requests,
            server.headers,
            clients=clients,
            refusals=refusals,
            warm_up_s=warm_up_s,
            seconds=seconds,
        )
        return load.run(asked)

    idle = ask(_CLIENTS, seconds / 2, warm_up_s=seconds / 5)
    process = psutil.Process(server.pid)
    before = process.memory_info().rss
    flooded = ask(_TIMES * _CLIENTS, seconds)
    after = process.memory_info().rss
    time.sleep(_RECOVERY_S)
    again = ask(_CLIENTS, seconds / 5)
    report(f"{work}: {flooded.answers} answers, {flooded.refused} refusals", flooded.seconds)
    return Outcome(
        work,
        idle.percentile(0.5),
        idle.percentile(0.99),
        flooded.answers,
        flooded.refused,
        flooded.percentile(0.5),
        flooded.percentile(0.99),
        again.percentile(0.99),
        before >> 20,
        after >> 20,
    )


def _table(found: list[Outcome], rows: int) -> Table:
    title = f"{rows:,} rows; {_CLIENTS} clients, then {_TIMES * _CLIENTS}, then {_CLIENTS}"
    shown = Table(
        *("", "idle p99 ms", "answered", "refused", "p99 ms", "times idle", "p99 after", "MiB"),
        box=box.HORIZONTALS,
        collapse_padding=True,
        pad_edge=False,
        title=title,
    )
    for column in shown.columns[1:]:
        column.justify = "right"
    for one in found:
        shown.add_row(
            one.work,
            f"{one.idle_p99_ms:,.1f}",
            f"{one.answered:,}",
            f"{one.refused:,}",
            f"{one.p99_ms:,.1f}",
            f"{one.times_idle:.1f}",
            f"{one.after_p99_ms:,.1f}",
            f"{one.rss_before_mib:,}, {one.rss_after_mib:,}",
        )
    return shown


if __name__ == "__main__":
    run_app(app)
