"""What the API benchmark shows of its outcomes: a table and a picture."""

from pathlib import Path
from typing import Any

import pygal
from pygal.style import CleanStyle
from rich import box
from rich.table import Table

from bench.cases import CASES
from bench.figures import save
from bench.outcomes import SYSTEMS, Found, Outcome


def table(found: Found, scale: float) -> Table:
    """Every case with its systems side by side, and how often malha's rate is of each."""
    shown = Table(
        *("", "", "req/s", "p50 ms", "p99 ms", "M rows/s", "MiB", "malha/it"),
        box=box.HORIZONTALS,
        collapse_padding=True,
        pad_edge=False,
        title=_title(found, scale),
    )
    shown.columns[0].no_wrap = True
    for column in shown.columns[2:]:
        column.justify = "right"
    for case in CASES:
        of_case = {one.system: one for one in found.outcomes if one.case == case}
        mine = of_case.get("malha")
        for number, outcome in enumerate(of_case.values()):
            shown.add_row(
                "" if number else case,
                outcome.system,
                _digits(outcome.rps),
                _digits(outcome.p50_ms),
                _digits(outcome.p99_ms),
                _digits(outcome.rps * found.rows / 1e6) if case.startswith("export") else "",
                f"{outcome.rss_mib:,}",
                _ratio(mine, outcome),
            )
        shown.add_section()
    shown.caption = (
        f"the load client by itself: {found.client_rps:,.0f} req/s, {found.client_mib_s:,.0f} MiB/s"
    )
    return shown


def write_picture(found: Found, scale: float, path: Path) -> None:
    """An SVG of bars, logarithmic, since the cases are far apart."""
    chart: Any = pygal.HorizontalBar(
        js=[],
        style=CleanStyle(font_family="sans-serif"),
        title=_title(found, scale),
        x_title="requests a second, logarithmic",
        height=640,
        logarithmic=True,
        legend_at_bottom=True,
        legend_at_bottom_columns=len(SYSTEMS),
        print_values=True,
        formatter=lambda value: _digits(value) if value else "",
        no_prefix=True,
    )
    measured = [case for case in CASES if any(one.case == case for one in found.outcomes)]
    rates = {(one.case, one.system): one.rps for one in found.outcomes}
    # Bars stand from the bottom upwards.
    chart.x_labels = list(reversed(measured))
    for system in SYSTEMS:
        values = [rates.get((case, system)) for case in reversed(measured)]
        if any(values):
            chart.add(system, values)
    save(chart, path)


def _ratio(mine: Outcome | None, other: Outcome) -> str:
    if mine is None or mine is other:
        return ""
    return _digits(mine.rps / other.rps)


def _digits(value: float) -> str:
    """Three digits that say something."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 1:
        return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{value:.3f}"


def _title(found: Found, scale: float) -> str:
    return f"cliente_pedido, TPC-H scale {scale:g}: {found.rows:,} rows, 4 clients"
