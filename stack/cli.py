"""The command line of the embedded stack: `python -m stack`, or `malha-stack`; make calls it."""

import subprocess
from datetime import timedelta
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from malha.console import Console, run_app
from malha.errors import UnreachableError
from malha.project import ensure_manifest
from malha.settings import child_environment, load
from malha.spark import spark_environment
from stack import demo as tour
from stack import demo_rollback as going_back
from stack import lifecycle
from stack.errors import StackError
from stack.services import services
from stack.supervision import ProcessState, Supervisor, log_path

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="S3, metastore, Spark Thrift Server and API on this machine.",
)
console = Console(highlight=False)


@app.command()
def up() -> None:
    """Start the services that do not run yet, and wait until all are healthy."""
    settings = load()
    known = {service.name: service for service in services(settings)}
    progress = Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:<20}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[state]}"),
        console=console,
    )
    tasks = {
        name: progress.add_task(service.title, start=False, total=1, state="waiting")
        for name, service in known.items()
    }

    def report(name: str, event: str) -> None:
        if event == "starting":
            progress.start_task(tasks[name])
        progress.update(
            tasks[name],
            state=known[name].address if event == "ready" else event,
            completed=event == "ready",
        )

    with progress:
        made = lifecycle.up(settings, report)
    if made:
        url = f"{settings.api_url}/api/cliente-pedido"
        console.print("a key to the API, for all products; it is not shown again:")
        curl = f'curl -H "Authorization: Bearer {made}" {url}'
        console.print(curl, markup=False, soft_wrap=True)


@app.command()
def down() -> None:
    """Stop the services. Their data stays."""
    lifecycle.down(load(), _say)


@app.command()
def restart(service: Annotated[str, typer.Argument(help="s3, metastore, thrift or api")]) -> None:
    """Stop and start one service; the API after a product was added, for example."""
    settings = load()
    ensure_manifest(settings)
    lifecycle.restart(settings, service, _say)


@app.command()
def status() -> None:
    """Show each service: state, pid, time since its start, address and health.

    Exits with 1 unless all are healthy.
    """
    settings = load()
    supervisor = Supervisor(settings)
    states = supervisor.states() if supervisor.alive() else {}
    table = Table("service", "state", "pid", "up", "address", "health")
    healthy = True
    for service in services(settings):
        process = states.get(service.name, ProcessState(service.name, "STOPPED", 0, 0))
        health = "-"
        if process.running:
            try:
                service.check(settings)
                health = "[green]ok[/]"
            except UnreachableError:
                health = "[red]does not answer[/]"
        healthy = healthy and health == "[green]ok[/]"
        table.add_row(
            service.name,
            process.state.lower(),
            str(process.pid or "-"),
            str(timedelta(seconds=process.uptime)) if process.pid else "-",
            service.address,
            health,
        )
    console.print(table)
    if not healthy:
        raise typer.Exit(1)


@app.command()
def logs(
    service: Annotated[
        str | None, typer.Argument(help="s3, metastore, thrift or api; all by default")
    ] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of each")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C")] = False,
) -> None:
    """Show what the services wrote last."""
    settings = load()
    names = [known.name for known in services(settings)]
    if service is not None and service not in names:
        raise StackError(f"there is no service {service!r}: choose one of {', '.join(names)}")
    paths = [log_path(settings, name) for name in ([service] if service else names)]
    existing = [str(path) for path in paths if path.exists()]
    if not existing:
        raise StackError("there are no logs yet: start the stack with `make up`")
    subprocess.run(["tail", "-n", str(lines), *(["-F"] if follow else []), *existing])  # noqa: S607


@app.command()
def clean() -> None:
    """Stop the stack and remove all its data: tables, landed files, credentials, logs."""
    settings = load()
    if lifecycle.clean(settings, _say):
        console.print(f"removed {settings.stack_dir}")


@app.command()
def land(folder: tour.DeliveryFolder) -> None:
    """Copy a folder's files to the landing area, under the same paths."""
    tour.show_landing(folder, load(), console)


@app.command()
def demo(
    samples: Annotated[str, typer.Option(help="Which folder of data/samples to land")] = "minimo",
) -> None:
    """Land samples, ingest them, build and test the products, and read them back."""
    tour.demo(samples, load(), console)


@app.command("demo-rollback")
def demo_rollback() -> None:
    """Change a product of the demo, put it back, and build it forward again."""
    going_back.demo_rollback(load(), console)


@app.command()
def beeline(
    execute: Annotated[
        str | None, typer.Option("--execute", "-e", help="A statement to run, then stop")
    ] = None,
) -> None:
    """Open beeline, Spark's JDBC shell, on the Thrift Server."""
    settings = load()
    environment = child_environment(settings) | spark_environment(settings)
    command = tour.beeline(settings) + (["-e", execute] if execute else [])
    result = subprocess.run(command, env=environment)
    raise typer.Exit(result.returncode)


def _say(name: str, event: str) -> None:
    console.print(f"{name} {event}")


def run() -> None:
    """Run the command line; what the user can act on is a message, never a stack trace."""
    run_app(app)
