"""The command line of the ingest: `python -m ingest`, or `malha-ingest`."""

import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from ingest.session import spark_session
from ingest.sources import check_landing, check_services, landing_uri, select
from ingest.stream import SourceRun
from malha.console import errors, run_app, say_error, say_warning
from malha.errors import Interrupted, MalhaError
from malha.interrupt import Interrupt
from malha.manifest import Manifest, Source
from malha.settings import Settings, load

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
console = Console()

_EPILOG = """
[bold]Examples[/bold]

  malha-ingest                  every source that declares a landing

  malha-ingest cliente pedido   these two

  malha-ingest --list           which sources there are, and where their files land
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
) -> None:
    """Append what has landed since the last run to the bronze tables.

    Exits with 0 when every source is up to date, with 1 when one could not be ingested (its table
    is then as it was), with 2 when the command line is wrong.
    """
    settings = load()
    selected = select(Manifest(settings.manifest_path), sources or [])
    if show_list:
        console.print(_source_table(selected, settings))
        return
    check_services(settings)
    failures = _ingest(selected, settings)
    for failure in failures:
        say_error(failure)
    if failures:
        raise typer.Exit(1)


def _ingest(selected: list[Source], settings: Settings) -> list[MalhaError]:
    """Ingest each source; one that fails does not keep the others from running.

    Returns:
        The failures.
    """
    landed, failures = _with_landing(selected, settings)
    if not landed:
        return failures
    result = Table("source", "files", "rows", "corrupt rows", "seconds", title="ingested")
    for column in result.columns[1:]:
        column.justify = "right"
    interrupt = Interrupt(
        "stopping; the next run goes on from here (Ctrl-C again to stop at once)", second_ends=True
    )
    with _progress() as progress:
        starting = progress.add_task("starting Spark", counts="")
        with spark_session(settings) as spark:
            interrupt.install()
            progress.remove_task(starting)
            for source in landed:
                interrupt.check()
                started = time.monotonic()
                task = progress.add_task(source.name, counts="looking for new files")

                def tick(files: int, rows: int, task: TaskID = task) -> None:
                    interrupt.check()
                    progress.update(task, counts=f"{files:,} files  {rows:,} rows")

                try:
                    outcome = SourceRun(spark, source, settings).run(tick)
                except Interrupted:
                    raise
                except MalhaError as error:
                    failures.append(error)
                    continue
                finally:
                    progress.stop_task(task)
                counts = (outcome.files, outcome.rows, outcome.corrupt_rows)
                seconds = f"{time.monotonic() - started:.1f}"
                result.add_row(source.name, *(f"{count:,}" for count in counts), seconds)
                if outcome.undeclared:
                    say_warning(
                        f"source {source.name} does not declare "
                        f"{', '.join(sorted(outcome.undeclared))}: left out of bronze"
                    )
    if result.row_count:
        console.print(result)
    return failures


def _with_landing(
    selected: list[Source], settings: Settings
) -> tuple[list[Source], list[MalhaError]]:
    """The sources for which something has landed, and the failures of the others."""
    landed: list[Source] = []
    failures: list[MalhaError] = []
    for source in selected:
        try:
            check_landing(source, settings)
        except MalhaError as error:
            failures.append(error)
        else:
            landed.append(source)
    return landed, failures


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
    )


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
