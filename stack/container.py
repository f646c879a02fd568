"""What the containers run: `python -m stack.container`, the entry point of the images on Java."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from lake.cli import app as upkeep
from malha.console import Console, run_app
from malha.settings import Settings, child_environment, load
from malha.spark import spark_environment, spark_home, spark_master
from stack import backup, minio
from stack import demo as tour
from stack.errors import StackError
from stack.kubernetes import executor_command
from stack.services import Service, services

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="One service or task of the mesh."
)
app.add_typer(upkeep, name="lake")
console = Console(highlight=False)

_LOOKS_EVERY = 5.0
"""Seconds after which a server that runs by itself looks for a cluster again."""


@app.command()
def serve(name: Annotated[str, typer.Argument(help="metastore or thrift")]) -> None:
    """Run a service of the embedded stack in the foreground, after what it needs first."""
    settings = load()
    # Before the command is made: a cluster that appears in between is then noticed, not missed.
    alone = settings.spark_master == "auto" and spark_master(settings).startswith("local")
    known = {service.name: service for service in services(settings)}
    if name not in known:
        raise StackError(f"there is no service {name!r}: choose one of {', '.join(known)}")
    service = known[name]
    (settings.stack_dir / "logs").mkdir(parents=True, exist_ok=True)
    if service.before:
        service.before(settings)
    environment = {**child_environment(settings), **service.environment}
    if name == "thrift" and alone:
        raise typer.Exit(_serve_until_cluster_appears(service, environment, settings))
    os.execvpe(service.command[0], service.command, environment)  # noqa: S606


def _serve_until_cluster_appears(
    service: Service, environment: dict[str, str], settings: Settings
) -> int:
    """Run a service that runs by itself, and end it once there is a cluster to run on.

    The container's restart policy then starts it again, on the cluster.
    """
    process = subprocess.Popen(service.command, env=environment)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: process.send_signal(number))
    while True:
        try:
            return process.wait(timeout=_LOOKS_EVERY)
        except subprocess.TimeoutExpired:
            if not spark_master(settings).startswith("local"):
                console.print("a cluster has appeared: starting again on it")
                process.terminate()
                process.wait()
                return 1


@app.command()
def spark(
    role: Annotated[str, typer.Argument(help="master, worker or history")],
    arguments: Annotated[list[str] | None, typer.Argument()] = None,
) -> None:
    """Run a daemon of a standalone cluster."""
    classes = {
        "master": "org.apache.spark.deploy.master.Master",
        "worker": "org.apache.spark.deploy.worker.Worker",
        "history": "org.apache.spark.deploy.history.HistoryServer",
    }
    if role not in classes:
        raise StackError(f"there is no role {role!r}: choose one of {', '.join(classes)}")
    settings = load()
    command = [str(spark_home() / "bin/spark-class"), classes[role], *(arguments or [])]
    environment = child_environment(settings) | spark_environment(settings)
    # A daemon, and the executors that it starts, tell each other the address that they bind to.
    del environment["SPARK_LOCAL_IP"]
    os.execvpe(command[0], command, environment)  # noqa: S606


@app.command()
def executor() -> None:
    """Run an executor in a pod that Spark has made on Kubernetes."""
    command = executor_command(os.environ)
    os.execvp(command[0], command)  # noqa: S606


@app.command("prepare-store")
def prepare_store() -> None:
    """Make MinIO's buckets, users and policies, as its root user."""
    settings = load()
    minio.prepare(settings, minio.load_users())
    console.print(f"{settings.s3_endpoint} has its buckets and users")


@app.command()
def land(folder: tour.DeliveryFolder) -> None:
    """Copy a folder's files to the landing area, under the same paths."""
    tour.show_landing(folder, load(), console)


@app.command()
def show(
    built: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The run_results.json of a build")
    ],
) -> None:
    """Show what a build did, the tables' sizes, and a product over REST and JDBC."""
    console.print(tour.build_summary(built))
    tour.show(load(), console)


@app.command("backup")
def save() -> None:
    """Write a backup of lake, landing area and metastore to standard output, as a tar file."""
    backup.save(load(), sys.stdout.buffer)


@app.command()
def restore() -> None:
    """Read a backup from standard input into a store and a metastore that have no tables."""
    backup.restore(load(), sys.stdin.buffer)


if __name__ == "__main__":
    run_app(app)
