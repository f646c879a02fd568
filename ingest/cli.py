"""The command line of the ingest: `python -m ingest`, or `malha-ingest`."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ingest.landing import has_landed, landing_uri
from ingest.pending import up_to_date
from ingest.sources import check_services, select
from malha.console import Console, run_app, say_error, say_note, say_warning
from malha.errors import MalhaError
from malha.manifest import Manifest, Source
from malha.project import ensure_manifest
from malha.settings import Settings, load

# What needs Spark is imported where Spark is needed: a run that finds nothing new is a short one.
if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from ingest.runs import Results, Tick
    from ingest.stream import Outcome

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
console = Console()

_EPILOG = """
[bold]Examples[/bold]

  malha-ingest                  every source that declares a landing

  malha-ingest cliente pedido   these two

  malha-ingest --list           which sources there are, and where their files land

  malha-ingest --replay pedido --since 2026-01-05

                                read what came in since that day again, replacing its rows
"""


@app.command(epilog=_EPILOG)
def ingest(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...", help="Names of dbt source tables; all of them by default."
        ),
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="List the sources and stop.")] = False,
    replay: Annotated[
        bool,
        typer.Option("--replay", help="Read the sources' files again, in place of their rows."),
    ] = False,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DAY",
            help="With --replay: only files first ingested on or after this day (UTC).",
        ),
    ] = None,
) -> None:
    """Append what has landed since the last run to the bronze tables.

    Exits with 0 when every source is up to date, with 1 when one could not be ingested (its table
    is then as it was), with 2 when the command line is wrong.
    """
    if replay and not sources:
        raise typer.BadParameter("name the sources to replay", param_hint="--replay")
    if since and not replay:
        raise typer.BadParameter("it is for --replay only", param_hint="--since")
    settings = load()
    ensure_manifest(settings)
    selected = select(Manifest(settings.manifest_path), sources or [])
    if show_list:
        console.print(_source_table(selected, settings))
        return
    check_services(settings)
    if replay:
        failures = _replay(selected, settings, since.date() if since else None)
    else:
        failures = _ingest(selected, settings)
        for source in selected if sources else []:
            if not has_landed(source, settings):
                say_note(
                    f"source {source.name}: nothing has landed at {landing_uri(source, settings)}"
                )
    for failure in failures:
        say_error(failure)
    if failures:
        raise typer.Exit(1)


def _ingest(selected: list[Source], settings: Settings) -> list[MalhaError]:
    """Ingest what is new of each source; Spark is started only where something is.

    Returns:
        The failures.
    """
    with ThreadPoolExecutor(max_workers=8) as pool:
        states = list(pool.map(partial(up_to_date, settings=settings), selected))
    pending = [source for source, done in zip(selected, states, strict=True) if not done]
    idle = [source.name for source in selected if source not in pending]
    if not pending:
        _show("ingested", None, idle)
        console.print("nothing new has landed")
        return []

    from ingest.runs import run_all
    from ingest.stream import SourceRun

    def work(spark: "SparkSession", source: Source, tick: "Tick") -> "Outcome":
        return SourceRun(spark, source, settings).run(tick)

    results = run_all(pending, work, settings)
    _show("ingested", results, idle)
    return list(results.failures.values())


def _replay(selected: list[Source], settings: Settings, since: date | None) -> list[MalhaError]:
    """Replay each source.

    Returns:
        The failures.
    """
    from ingest.replay import Replayed, replay
    from ingest.runs import run_all

    def work(spark: "SparkSession", source: Source, tick: "Tick") -> "Outcome":
        return replay(spark, source, settings, since, tick)

    results = run_all(selected, work, settings)
    _show("replayed", results, [])
    for name, (outcome, _) in results.outcomes.items():
        if isinstance(outcome, Replayed) and outcome.gone:
            say_warning(
                f"source {name}: {len(outcome.gone)} files are no longer in the landing area, as "
                f"{outcome.gone[0]}: their rows in bronze stay as they are"
            )
    changed = [f"{s.schema_name}.{s.table}" for s in selected if s.name in results.outcomes]
    if changed:
        names = " ".join(f"source:{name}+" for name in changed)
        console.print(f"next: dbt build --full-refresh --select {names}", soft_wrap=True)
    return list(results.failures.values())


def _show(title: str, results: "Results | None", idle: list[str]) -> None:
    """Print what was done, and warn of columns that nobody declared."""
    table = Table("source", "files", "rows", "corrupt rows", "seconds", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for name in idle:
        table.add_row(name, "0", "0", "0", "0.0")
    for name, (outcome, seconds) in (results.outcomes if results else {}).items():
        counts = (outcome.files, outcome.rows, outcome.corrupt_rows)
        table.add_row(name, *(f"{count:,}" for count in counts), f"{seconds:.1f}")
        if outcome.undeclared:
            say_warning(
                f"source {name} does not declare {', '.join(sorted(outcome.undeclared))}: "
                "kept in the map _extra of bronze"
            )
    if table.row_count:
        console.print(table)


def _source_table(selected: list[Source], settings: Settings) -> Table:
    table = Table("source", "format", "landing", "columns")
    for source in selected:
        table.add_row(
            source.name,
            source.landing.format,
            landing_uri(source, settings),
            ", ".join(source.columns),
        )
    return table


def run() -> None:
    """Run the command line; what the user can act on is a message, never a stack trace."""
    run_app(app)
