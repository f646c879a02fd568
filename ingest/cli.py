"""The command line of the ingest: `python -m ingest`, or `malha-ingest`."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ingest import report
from ingest.errors import DeliveryError
from ingest.files import landed_files, remove
from ingest.landing import has_landed, landing_uri
from ingest.outcomes import Outcome, Results, Tick
from ingest.pending import up_to_date
from ingest.sources import check_services, select
from malha import s3
from malha.console import run_app, say_error, say_note, say_warning
from malha.errors import MalhaError
from malha.manifest import Manifest, Source
from malha.project import ensure_manifest
from malha.settings import Settings, load

# What needs Spark is imported where Spark is needed: a run that finds nothing new is a short one.
if TYPE_CHECKING:
    from pyspark.sql import SparkSession

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

_EPILOG = """
[bold]Examples[/bold]

  malha-ingest                  every source that declares a landing

  malha-ingest cliente pedido   these two

  malha-ingest --list           which sources there are, and where their files land

  malha-ingest --check delivery/pedidos/pedido/2026-01-05.csv

                                would this file be accepted? Nothing is written

  malha-ingest --files pedido   what has landed for it, and what was ingested

  malha-ingest --remove pedidos/pedido/wrong.csv

                                take a landed file away

  malha-ingest --set-aside pedido

                                ingest what can be, and move what cannot out of the way

  malha-ingest --replay pedido --since 2026-01-05

                                read what came in since that day again, replacing its rows
"""


def _modes(**modes: object) -> None:
    """Refuse options that do not go together."""
    chosen = [f"--{name.replace('_', '-')}" for name, value in modes.items() if value]
    if len(chosen) > 1:
        raise typer.BadParameter(f"{chosen[0]} and {chosen[1]} do not go together")


@app.command(epilog=_EPILOG)
def ingest(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="Names of dbt source tables; all of them by default. Files after --check and "
            "--remove.",
        ),
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="List the sources and stop.")] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Say of files, here or landed, whether they would be accepted, and as what; "
            "nothing is written.",
        ),
    ] = False,
    source: Annotated[
        str, typer.Option(metavar="SOURCE", help="With --check: the source that would read them.")
    ] = "",
    files: Annotated[
        bool, typer.Option("--files", help="List what has landed, and what was ingested.")
    ] = False,
    remove_files: Annotated[
        bool,
        typer.Option("--remove", help="Take landed files away; rows that bronze has stay."),
    ] = False,
    set_aside: Annotated[
        bool,
        typer.Option(
            "--set-aside",
            help="Move files that cannot be accepted to _refused/ in the landing area, and "
            "ingest the others.",
        ),
    ] = False,
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Append what has landed since the last run to the bronze tables.

    Exits with 0 when every source is up to date, with 1 when one could not be ingested (its table
    is then as it was) or a checked file would not be, with 2 when the command line is wrong.
    """
    _modes(
        list=show_list,
        check=check,
        files=files,
        remove=remove_files,
        set_aside=set_aside,
        replay=replay,
    )
    if replay and not names:
        raise typer.BadParameter("name the sources to replay", param_hint="--replay")
    if since and not replay:
        raise typer.BadParameter("it is for --replay only", param_hint="--since")
    if source and not check:
        raise typer.BadParameter("it is for --check only", param_hint="--source")
    if (check or remove_files) and not names:
        raise typer.BadParameter("name the files", param_hint="--check and --remove")
    settings = load()
    ensure_manifest(settings)
    manifest = Manifest(settings.manifest_path)
    if check:
        _check(names or [], select(manifest, []), source, settings, as_json=as_json)
        return
    if remove_files:
        removed = remove(names or [], select(manifest, []), settings)
        report.show_removed(removed, as_json=as_json)
        return
    selected = select(manifest, names or [])
    if show_list:
        report.show_sources(selected, settings, as_json=as_json)
        return
    if files:
        s3.check(settings)
        found = [file for one in selected for file in landed_files(one, settings)]
        report.show_files(found, as_json=as_json)
        return
    check_services(settings)
    if replay:
        failures = _replay(selected, settings, since.date() if since else None, as_json=as_json)
    else:
        failures = _ingest(selected, settings, sets_aside=set_aside, as_json=as_json)
        _note_without_delivery(selected if names else [], settings)
    for failure in failures:
        say_error(failure)
    if any(isinstance(failure, DeliveryError) and failure.problems for failure in failures):
        say_note("`malha-ingest --set-aside` moves such files out of the way of the others")
    if failures:
        raise typer.Exit(1)


def _check(
    names: Sequence[str], sources: list[Source], name: str, settings: Settings, *, as_json: bool
) -> None:
    """Check files, and leave with 1 unless all would be accepted."""
    from ingest.checking import check

    checked = check(names, sources, settings, as_source=name)
    report.show_checked(checked, as_json=as_json)
    for one in checked:
        if not one.accepted:
            say_error(f"{one.file}: {one.problem}")
    if not all(one.accepted for one in checked):
        raise typer.Exit(1)


def _note_without_delivery(named: Sequence[Source], settings: Settings) -> None:
    for source in named:
        if not has_landed(source, settings):
            say_note(f"source {source.name}: nothing has landed at {landing_uri(source, settings)}")


def _ingest(
    selected: list[Source], settings: Settings, *, sets_aside: bool, as_json: bool
) -> list[MalhaError]:
    """Ingest what is new of each source; Spark is started only where something is.

    Returns:
        The failures.
    """
    with ThreadPoolExecutor(max_workers=8) as pool:
        states = list(pool.map(partial(up_to_date, settings=settings), selected))
    pending = [source for source, done in zip(selected, states, strict=True) if not done]
    idle = [source.name for source in selected if source not in pending]
    if not pending:
        report.show_results("ingested", Results(), idle, as_json=as_json)
        if not as_json:
            report.console.print("nothing new has landed")
        return []

    from ingest.runs import run_all
    from ingest.stream import SourceRun

    def work(spark: "SparkSession", source: Source, tick: Tick) -> Outcome:
        return SourceRun(spark, source, settings, sets_aside=sets_aside).run(tick)

    results = run_all(pending, work, settings)
    report.show_results("ingested", results, idle, as_json=as_json)
    return list(results.failures.values())


def _replay(
    selected: list[Source], settings: Settings, since: date | None, *, as_json: bool
) -> list[MalhaError]:
    """Replay each source.

    Returns:
        The failures.
    """
    from ingest.replay import Replayed, replay
    from ingest.runs import run_all

    def work(spark: "SparkSession", source: Source, tick: Tick) -> Outcome:
        return replay(spark, source, settings, since, tick)

    results = run_all(selected, work, settings)
    report.show_results("replayed", results, [], as_json=as_json)
    for name, (outcome, _) in results.outcomes.items():
        if isinstance(outcome, Replayed) and outcome.gone:
            say_warning(
                f"source {name}: {len(outcome.gone)} files are no longer in the landing area, as "
                f"{outcome.gone[0]}: their rows in bronze stay as they are"
            )
    changed = [f"{s.schema_name}.{s.table}" for s in selected if s.name in results.outcomes]
    if changed and not as_json:
        names = " ".join(f"source:{name}+" for name in changed)
        report.console.print(f"next: dbt build --full-refresh --select {names}", soft_wrap=True)
    return list(results.failures.values())


def run() -> None:
    """Run the command line; what the user can act on is a message, never a stack trace."""
    run_app(app)
