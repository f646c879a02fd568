"""The tour that `make demo` gives: from files to ouro, JDBC and REST."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.table import Table

from ingest.files import owner
from malha import hive, s3
from malha.console import Console, say_warning
from malha.errors import ManifestError
from malha.manifest import Manifest
from malha.project import ensure_manifest
from malha.settings import ROOT, Settings, child_environment
from malha.spark import spark_environment, spark_home
from stack import demo_key
from stack.errors import StackError
from stack.services import jdbc_url

SAMPLES = ROOT / "data/samples"
DeliveryFolder = Annotated[
    Path,
    typer.Argument(
        exists=True, file_okay=False, help="A folder of files, laid out <domain>/<table>/…"
    ),
]
"""The argument of the commands that land files."""

_NAMED = 10
"""How many files a warning names."""

_LAYERS = ("bronze", "prata", "ouro")
_PRODUCT = "select * from ouro.cliente_pedido order by pedido_id limit 10"


def land(folder: Path, settings: Settings) -> list[str]:
    """Copy a folder's files to the landing area, under the same paths; return these."""
    client = s3.client(settings)
    bucket, prefix = s3.split_uri(settings.landing_uri)
    keys = []
    with s3.reporting(settings):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            key = path.relative_to(folder).as_posix()
            client.upload_file(str(path), bucket, f"{prefix}/{key}".lstrip("/"))
            keys.append(key)
    return keys


def demo(samples: str, settings: Settings, console: Console) -> None:
    """Land a set of samples, ingest it, build and test the products, and read them back.

    Raises:
        StackError: there is no such set, or a step failed.
    """
    folder = SAMPLES / samples
    if not folder.is_dir():
        known = ", ".join(sorted(path.name for path in SAMPLES.iterdir() if path.is_dir()))
        raise StackError(f"there are no samples {samples!r}: choose one of {known}")
    s3.check(settings)

    console.heading("landing")
    show_landing(folder, settings, console)
    console.heading("bronze: malha-ingest")
    run([sys.executable, "-m", "ingest"], settings)
    console.heading("prata and ouro: dbt build")
    run([f"{sys.prefix}/bin/dbt", "--quiet", "build"], settings)
    console.print(build_summary(settings.dbt_target_path / "run_results.json"))
    show(settings, console)


def show_landing(folder: Path, settings: Settings, console: Console) -> None:
    """Land a folder's files, print where each is now, and warn of those that no source reads."""
    keys = land(folder, settings)
    for key in keys:
        console.print(f"{settings.landing_uri}/{key}", markup=False, soft_wrap=True)
    try:
        ensure_manifest(settings)
        sources = Manifest(settings.manifest_path).sources.values()
    except ManifestError as error:
        say_warning(f"whether a source reads these files is not known: {error}")
        return
    area = settings.landing_uri.rstrip("/")
    unread = [key for key in keys if owner(f"{area}/{key}", sources, settings) is None]
    if unread:
        named = ", ".join(unread[:_NAMED]) + (", …" if len(unread) > _NAMED else "")
        known = ", ".join(f"{source.landing.path}/" for source in sources)
        say_warning(
            f"no source reads {named}. Files are read below {known or 'no path yet'}, unless a "
            "name begins with . or _; a source declares its path in config.meta.landing"
        )


def show(settings: Settings, console: Console) -> None:
    """Print the tables' sizes, and a product over REST and JDBC.

    Raises:
        StackError: a part does not answer.
    """
    console.heading("tables")
    console.print(_table_counts(settings))
    url = f"{settings.api_url}/api/cliente-pedido"
    console.heading(f"REST: {url}")
    console.print(demo_key.curl(url, settings), markup=False, soft_wrap=True)
    serve(url, settings, console)
    console.heading(f"JDBC: {jdbc_url(settings)}")
    console.print(f"{_PRODUCT};")
    console.print(_beeline(_PRODUCT, settings), markup=False)


def serve(url: str, settings: Settings, console: Console) -> None:
    """Print what the API answers, a row a line.

    Raises:
        StackError: it does not answer.
    """
    console.print(_rest(url, settings).replace("},{", "},\n {"), markup=False, soft_wrap=True)


def _rest(url: str, settings: Settings) -> str:
    try:
        answer = httpx.get(url, headers=demo_key.headers(settings), timeout=60)
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise StackError(
                f"{url} is refused ({answer.text}): put a key that may read it into "
                f"{settings.demo_key_path}; `malha-api keys create NAME --scope '*' --quiet` "
                "makes one"
            )
        return answer.raise_for_status().text
    except httpx.HTTPError as error:
        raise StackError(f"{url} does not answer ({error}): see `make logs SERVICE=api`") from error


def run(command: list[str], settings: Settings) -> None:
    """Run a step of a tour in a process of its own.

    Raises:
        StackError: it failed.
    """
    result = subprocess.run(command, cwd=ROOT, env=child_environment(settings))
    if result.returncode:
        name = " ".join([Path(command[0]).name, *command[1:]])
        raise StackError(f"`{name}` failed with exit code {result.returncode}")


def beeline(settings: Settings) -> list[str]:
    """The command that opens beeline, Spark's JDBC shell, on the Thrift Server."""
    return [str(spark_home() / "bin/beeline"), "-u", jdbc_url(settings), "-n", "malha"]


def _beeline(statement: str, settings: Settings) -> str:
    result = subprocess.run(
        [*beeline(settings), "--silent=true", "-e", statement],
        env=child_environment(settings) | spark_environment(settings),
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise StackError(f"beeline failed:\n{result.stderr.strip()}")
    # What comes before the table is beeline's prompt.
    return result.stdout[result.stdout.find("+-") :].rstrip()


def build_summary(run_results: Path) -> str:
    """What dbt's last run built and which tests passed, by its run_results.json."""
    counts: dict[str, int] = {}
    for result in json.loads(run_results.read_text())["results"]:
        kind = result["unique_id"].split(".")[0].replace("_", " ")
        counts[kind] = counts.get(kind, 0) + (result["status"] in ("success", "pass"))
    kinds = ("model", "snapshot", "test", "unit test")
    parts = (f"{count} {kind}{'s' * (count != 1)}" for kind in kinds if (count := counts.get(kind)))
    return f"built and passed: {', '.join(parts)}"


def _table_counts(settings: Settings) -> Table:
    table = Table("layer", "table", "rows")
    table.columns[-1].justify = "right"
    connection = hive.connect(settings, user="demo")
    with connection, connection.cursor() as cursor:
        for layer in _LAYERS:
            names = []
            for kind in ("tables", "views"):
                cursor.execute(f"show {kind} in {layer}")
                names += [row[1] for row in cursor.fetchall()]
            for name in sorted(names):
                cursor.execute(f"select count(*) from {layer}.`{name}`")  # noqa: S608
                table.add_row(layer, name, f"{cursor.fetchone()[0]:,}")
    return table
