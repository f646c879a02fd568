"""What the benchmark shows of its measurements: JSON, a table, a picture."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pygal
from pygal.style import CleanStyle
from rich.table import Table

from bench.runs import Measurement


@dataclass(frozen=True)
class Figures:
    """Medians over the repeats; seconds of wall clock, MiB of resident memory."""

    scale: float
    plain_s: float
    ingest_s: float
    build_s: float
    full_s: float
    increment_s: float
    tests_run: int
    thrift_peak_mib: int


def figures(scale: float, measured: list[Measurement]) -> Figures:
    """Medians; of the full run, of its sums, so that they need not add up to the digit."""

    def middle(name: str) -> float:
        return middle_of(measured, name)

    return Figures(
        scale=scale,
        plain_s=middle("plain_s"),
        ingest_s=middle("ingest_s"),
        build_s=middle("build_s"),
        full_s=middle("full_s"),
        increment_s=middle("increment_s"),
        tests_run=measured[0].tests_run,
        thrift_peak_mib=max(one.thrift_peak_mib for one in measured),
    )


def middle_of(measured: Sequence[Any], name: str) -> float:
    """The median of what they have under the name, to one digit."""
    return round(float(median(getattr(one, name) for one in measured)), 1)


def write_json(found: Any, path: Path) -> None:
    """Write a dataclass, or a list of them."""
    plain = [asdict(one) for one in found] if isinstance(found, list) else asdict(found)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plain, indent=2) + "\n", "utf-8")


def table(found: Figures, rows: int, rows_of_increment: int) -> Table:
    """Seconds, rows a second and ratio to the plain script, of each way side by side."""
    shown = Table("", "rows", "seconds", "rows/s", "times plain", title=_title(found, rows))
    for column in shown.columns[1:]:
        column.justify = "right"
    for name, count, seconds in (
        ("plain script", rows, found.plain_s),
        ("ingest", rows, found.ingest_s),
        (f"dbt build, {found.tests_run} tests", rows, found.build_s),
        ("ingest + dbt build", rows, found.full_s),
        ("the same, 1 % more rows", rows_of_increment, found.increment_s),
    ):
        ratio = seconds / found.plain_s
        shown.add_row(
            name, f"{count:,}", f"{seconds:.1f}", f"{count / seconds:,.0f}", f"{ratio:.2f}"
        )
    shown.caption = f"Thrift Server: {found.thrift_peak_mib:,} MiB resident at most"
    return shown


def write_picture(found: Figures, rows: int, path: Path) -> None:
    """An SVG of bars that needs nothing from elsewhere: no script, no font."""
    chart: Any = pygal.HorizontalStackedBar(
        js=[],
        style=CleanStyle(font_family="sans-serif"),
        title=_title(found, rows),
        x_title="seconds",
        height=320,
        legend_at_bottom=True,
        legend_at_bottom_columns=4,
        print_values=True,
        formatter=lambda value: f"{value:.1f}" if value else "",
        no_prefix=True,
    )
    # Bars stand from the bottom upwards.
    chart.x_labels = ["1 % more rows", "pipeline in full", "plain script"]
    chart.add("plain script", [0, 0, found.plain_s])
    chart.add("ingest", [0, found.ingest_s, 0])
    chart.add(f"dbt build, {found.tests_run} tests", [0, found.build_s, 0])
    chart.add("ingest + dbt build", [found.increment_s, 0, 0])
    save(chart, path)


def save(chart: Any, path: Path) -> None:
    """Write a chart of pygal's as an SVG without scripts."""
    chart.add_xml_filter(_without_scripts)
    path.write_bytes(chart.render() + b"\n")


def _without_scripts(root: Any) -> Any:
    for parent in root.iter():
        for child in [child for child in parent if str(child.tag).endswith("script")]:
            parent.remove(child)
    return root


def _title(found: Figures, rows: int) -> str:
    return f"TPC-H orders and customers, scale {found.scale:g}: {rows:,} rows"
