"""The command line of the upkeep: `python -m lake`, or `malha-lake`; make calls it."""

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lake import maintain as upkeep
from lake import quality as report_of_quality
from lake import report
from lake import rollback as going_back
from lake.errors import LakeError
from lake.maintain import Outcome
from lake.plan import ORPHANS_AT_LEAST, Policy, policy
from lake.session import Session, session
from lake.status import statuses
from lake.tables import TableName, declared, existing, of_the_system, select
from lake.times import moment
from malha.console import Console, errors, run_app, say_error
from malha.errors import SettingError
from malha.interrupt import Interrupt
from malha.manifest import Manifest
from malha.settings import Settings, load

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Upkeep of the lake: what is published, small files, old snapshots, going back.",
)
console = Console(highlight=False)

ProductArgument = Annotated[
    str, typer.Argument(metavar="PRODUCT", help="A product, or another table that dbt builds.")
]

AsJson = Annotated[bool, typer.Option("--json", help="For programs: a list, whole, as JSON.")]

_STATUS_EXAMPLES = """
[bold]Examples[/bold]

  malha-lake status                  products and prata tables

  malha-lake status cliente_pedido   this one

  malha-lake status --json | jq '.[] | select(.state != "published")'
"""

_MAINTAIN_EXAMPLES = """
[bold]Examples[/bold]

  malha-lake maintain --dry-run            what it would do

  malha-lake maintain                      every table

  malha-lake maintain bronze.pedido        this one

  MAINTAIN_SNAPSHOT_DAYS=14 malha-lake maintain   keeps two weeks
"""

_ROLLBACK_EXAMPLES = """
[bold]Examples[/bold]

  malha-lake history cliente_pedido              what there is

  malha-lake history cliente_pedido --json       the same, for programs

  malha-lake rollback cliente_pedido previous    the state before this one

  malha-lake rollback cliente_pedido 2026-01-05T12:00:00Z
"""


@app.command(epilog=_STATUS_EXAMPLES)
def status(
    tables: Annotated[
        list[str] | None, typer.Argument(metavar="[TABLE]...", help="All by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show each product and prata table: snapshot, age, rows, tests, and what waits on a branch.

    Exits with 0 also where something waits, with 1 where a service does not answer.
    """
    settings = load()
    known = _built(settings)
    with session(settings) as opened:
        found = statuses(opened, select(known, tables) if tables else known, settings)
    if as_json:
        typer.echo(report.statuses_json(found))
        return
    console.print(report.statuses(found))
    for one in found:
        report.explain(console, one)


@app.command()
def quality() -> None:
    """Show what the last build checked and what prata leaves out; write it beside the manifest.

    Exits with 0 also where a rule is broken.
    """
    settings = load()
    with session(settings) as opened:
        found = report_of_quality.quality(opened)
    console.print(report_of_quality.shown(found))
    for path in report_of_quality.write(found, settings.dbt_target_path):
        console.print(str(path), soft_wrap=True)


@app.command(epilog=_MAINTAIN_EXAMPLES)
def maintain(
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE]...", help="Names such as bronze.pedido; all by default."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Print what would be done, and do nothing.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Take MAINTAIN_ORPHAN_DAYS of less than 1: only where nothing else writes.",
        ),
    ] = False,
    limit: Annotated[
        int, typer.Option(min=0, help="How many files and snapshots of a table a dry run names.")
    ] = 20,
) -> None:
    """Rewrite small files, expire old snapshots, drop leftover branches, remove orphan files.

    Exits with 0 when all is done, with 1 when something was not (what, and why, is printed; the
    next run does it), with 2 when the command line is wrong.
    """
    settings = load()
    rules = policy(settings)
    if rules.orphans < ORPHANS_AT_LEAST and not force:
        raise SettingError(
            f"MAINTAIN_ORPHAN_DAYS={settings.maintain_orphan_days:g}: a file younger than a day "
            "may belong to a commit that is being made; set 1 or more, or give --force "
            "where nothing else writes"
        )
    interrupt = Interrupt("stopping; what is done stays done", second_ends=True)
    with session(settings, interrupt.check) as opened:
        everything = existing(opened, declared(Manifest(settings.manifest_path)))
        everything += of_the_system(opened)
        chosen = select(everything, tables) if tables else everything
        foreign = [settings.checkpoint_uri, settings.landing_uri, settings.spark_event_log_uri]
        foreign += [upkeep.location(opened, table) for table in everything]
        foreign = [uri for uri in foreign if uri]
        if dry_run:
            problems = _plan(opened, chosen, rules, foreign, limit)
        else:
            problems = _maintain(opened, chosen, rules, foreign)
    for problem in problems:
        say_error(problem)
    if problems:
        raise typer.Exit(1)


@app.command()
def history(product: ProductArgument, as_json: AsJson = False) -> None:
    """List the snapshots that a product was at and can be put back to, newest first."""
    settings = load()
    with session(settings) as opened:
        (table,) = select(_built(settings), [product])
        entries = going_back.history(opened, table)
    if as_json:
        typer.echo(report.history_json(entries))
        return
    console.print(report.history(table, entries))


@app.command(epilog=_ROLLBACK_EXAMPLES)
def rollback(
    product: ProductArgument,
    to: Annotated[
        str,
        typer.Argument(
            metavar="TO",
            help="A snapshot's number, `previous`, or a moment in UTC; a day is its first moment.",
        ),
    ],
) -> None:
    """Put a product back to an earlier snapshot. Its readers see that at once.

    The next `dbt build` brings it forward again, from the data of that time.
    """
    settings = load()
    with session(settings) as opened:
        (table,) = select(_built(settings), [product])
        done = going_back.rollback(opened, table, to)
    if done.before.id == done.after.id:
        console.print(f"{table.relation} is at snapshot {done.after.id} already")
        return
    console.print(
        f"{table.relation}: snapshot {done.before.id} → {done.after.id} "
        f"of {moment(done.after.committed)}, "
        f"{report.numbered(done.rows_before)} → {report.numbered(done.rows_after)} rows"
    )
    console.print(
        "the next `dbt build` brings it forward again: mend the cause first, "
        f"or leave it out (`dbt build --exclude {table.name}`)"
    )


def _built(settings: Settings) -> list[TableName]:
    return [table for table in declared(Manifest(settings.manifest_path)) if not table.bronze]


def _plan(
    opened: Session, chosen: list[TableName], rules: Policy, foreign: list[str], limit: int
) -> list[str]:
    """Print what would be done; return what could not be found out, and why."""
    problems = []
    for table in chosen:
        try:
            state = upkeep.inspect(opened, table, rules)
            files = upkeep.files_to_rewrite(opened, table, rules, limit=limit)
            orphans = upkeep.orphans(opened, table, rules, foreign, dry_run=True)
        except LakeError as error:
            problems.append(f"{table.relation}: {error}")
        else:
            report.planned(console, table, state, files, orphans, limit)
    return problems


def _maintain(
    opened: Session, chosen: list[TableName], rules: Policy, foreign: list[str]
) -> list[str]:
    """Do it, and print what was done; return what was not done, and why."""
    done: list[Outcome] = []
    problems = []
    with _progress() as progress:
        task = progress.add_task("", total=len(chosen))
        for table in chosen:

            def say(step: str, name: str = table.relation) -> None:
                progress.update(task, description=f"{name}: {step}")

            say("reading metadata")
            try:
                outcome = upkeep.maintain(opened, table, rules, say)
                done.append(outcome)
                problems += [f"{table.relation}: {problem}" for problem in outcome.problems]
                say("looking for orphans")
                removed = upkeep.orphans(opened, table, rules, foreign, dry_run=False)
                outcome.orphans = len(removed)
            except LakeError as error:
                problems.append(f"{table.relation}: {error}")
            progress.advance(task)
    console.print(report.outcomes(done))
    return problems


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
    )


def run() -> None:
    """Run the command line; what the user can act on is a message, never a stack trace."""
    run_app(app)
