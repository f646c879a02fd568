"""Layouts of a table side by side; `make bench-layout` calls it."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from pyhive.hive import Cursor
from rich import box
from rich.table import Table

from bench.data import Delivery
from bench.figures import middle_of, write_json
from bench.own_stack import Report, console, fill, generated, own_stack, say
from malha import hive
from malha.console import run_app
from malha.settings import ROOT

app = typer.Typer(add_completion=False)

_SCANS = 5
_MERGE_ON_READ = "'write.merge.mode' = 'merge-on-read'"


@dataclass(frozen=True)
class Layout:
    """A way to lay a table out."""

    name: str
    properties: str = _MERGE_ON_READ
    partitions: str = ""
    order: str = ""


LAYOUTS = (
    Layout("as shipped"),
    Layout("copy-on-write", properties="'write.merge.mode' = 'copy-on-write'"),
    Layout("sorted by key", order="write ordered by pedido_id"),
    Layout("8 buckets", partitions="partitioned by (bucket(8, pedido_id))"),
)

# One row in a hundred, all over the table: by turns an old one corrected and a new one.
_MERGE = """
merge into bench.layout as old
using (
    select
        if(pmod(hash(pedido_id), 200) = 0, pedido_id, pedido_id + 1000000000) as pedido_id,
        * except (pedido_id)
    from prata.pedido_entregas
    where pmod(hash(pedido_id), 100) = 0
) as new
on old.pedido_id = new.pedido_id
when matched then update set valor = new.valor + 1
when not matched then insert *
"""

_NO_ROWS = "as select * from prata.pedido_entregas limit 0"
_KEYS = "select pedido_id from prata.pedido_entregas order by hash(pedido_id) limit 20"
_ONE_KEY = "select * from bench.layout where pedido_id = {}"


@dataclass(frozen=True)
class Figures:
    """What one layout took, or the medians of several rounds."""

    layout: str
    write_s: float
    """All rows."""
    merge_s: float
    """One per cent of as many rows, half of them new."""
    key_ms: float
    """One row by its key, after the merge."""
    scan_ms: float
    """The sum of a column over all rows, after the merge."""
    files: float
    """Data files and delete files, after the merge."""
    mib: float
    """Their size."""


_MEASURED = tuple(field.name for field in fields(Figures))[1:]


_EXAMPLES = """Measure what partitions, sort order and merge mode do to a table of orders.

Each layout is written, merged into and read, in turn, over JDBC, on a stack of its own; the first
round only warms up. docs/pipeline.md has what was chosen, and why.

Examples:

  make bench-layout

  make bench-layout SCALE=0.1 REPEAT=5
"""


@app.command(help=_EXAMPLES)
def main(
    scale: Annotated[float, typer.Option(min=0.001, max=100, help="TPC-H's scale")] = 1,
    repeat: Annotated[int, typer.Option(min=1, help="Measured rounds; medians count")] = 3,
    results: Annotated[Path, typer.Option(help="Where the figures go, as JSON")] = (
        ROOT / "bench/results/layout.json"
    ),
) -> None:
    with generated(scale) as (_, base), console.status("running"):
        rounds = list(measure(base, repeat, say))
    found = medians(rounds)
    write_json(found, results)
    console.print(table(found, base.orders))
    console.print(f"{results}", markup=False, soft_wrap=True)


def measure(base: Delivery, repeat: int, report: Report) -> Iterator[Figures]:
    """Every layout in each round, on a fresh stack."""
    with own_stack(report, {"API_TIER_MB": "0"}) as settings:
        fill(base, settings, report)
        connection = hive.connect(settings, user="bench", timeout=600)
        with closing(connection), closing(connection.cursor()) as cursor:
            cursor.execute("create schema if not exists bench")
            cursor.execute(_KEYS)
            keys = [row[0] for row in cursor.fetchall()]
            for number in range(repeat + 1):
                started = time.monotonic()
                for layout in LAYOUTS:
                    figures = _figures(cursor, layout, keys)
                    if number:
                        yield figures
                report(f"round {number}" if number else "warm-up", time.monotonic() - started)


def _figures(cursor: Cursor, layout: Layout, keys: list[int]) -> Figures:
    cursor.execute(
        f"create table bench.layout using iceberg {layout.partitions} "
        f"tblproperties ({layout.properties}) {_NO_ROWS}"
    )
    if layout.order:
        cursor.execute(f"alter table bench.layout {layout.order}")
    write_s = _seconds(cursor, "insert into bench.layout select * from prata.pedido_entregas")
    merge_s = _seconds(cursor, _MERGE)
    by_key = [_seconds(cursor, _ONE_KEY.format(key)) for key in keys]
    scans = [_seconds(cursor, "select sum(valor) from bench.layout") for _ in range(_SCANS)]
    cursor.execute("select count(*), sum(file_size_in_bytes) from bench.layout.all_files")
    ((files, size),) = cursor.fetchall()
    cursor.execute("drop table bench.layout purge")
    return Figures(
        layout.name,
        write_s,
        merge_s,
        median(by_key) * 1000,
        median(scans) * 1000,
        files,
        size / 2**20,
    )


def _seconds(cursor: Cursor, sql: str) -> float:
    """Seconds until the last row of the answer is here."""
    started = time.monotonic()
    cursor.execute(sql)
    if cursor.description:
        cursor.fetchall()
    return time.monotonic() - started


def medians(rounds: list[Figures]) -> list[Figures]:
    """One for each layout, in the order in which they first come."""
    by_layout: dict[str, list[Figures]] = defaultdict(list)
    for one in rounds:
        by_layout[one.layout].append(one)
    return [
        Figures(layout, *(middle_of(found, name) for name in _MEASURED))
        for layout, found in by_layout.items()
    ]


def table(found: list[Figures], rows: int) -> Table:
    """The layouts side by side, each with its ratio to the first one."""
    first = found[0]
    shown = Table(
        *("", "write s", "merge s", "one key ms", "scan ms", "files", "MiB"),
        box=box.HORIZONTALS,
        collapse_padding=True,
        pad_edge=False,
        title=f"{rows:,} orders; in brackets, times {first.layout}",
    )
    for column in shown.columns[1:]:
        column.justify = "right"
    for one in found:
        shown.add_row(
            one.layout,
            *(
                f"{getattr(one, name):,.1f} ({getattr(one, name) / getattr(first, name):.2f})"
                for name in ("write_s", "merge_s", "key_ms", "scan_ms")
            ),
            f"{one.files:,.0f}",
            f"{one.mib:,.1f}",
        )
    return shown


if __name__ == "__main__":
    run_app(app)
