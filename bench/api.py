"""The command of the API benchmark; `make bench-api` calls it."""

from pathlib import Path
from typing import Annotated

import typer

from bench.api_figures import table, write_picture
from bench.api_runs import measure
from bench.errors import BenchmarkError
from bench.figures import write_json
from bench.outcomes import plan
from bench.own_stack import console, generated, say
from malha.console import run_app
from malha.settings import ROOT

app = typer.Typer(add_completion=False)

_EXAMPLES = """Measure the API beside ROAPI, a Flask app with a Spark session, and bare PyHive.

TPC-H's orders become the product cliente_pedido on a stack of its own, beside any other. Each
system is asked the same questions by four clients, one system at a time, after its answers were
compared with the right ones. What a system refuses or answers wrongly is told at the end.

Examples:

  make bench-api

  make bench-api SCALE=0.1 ARGS="--cases 'first page,export arrow' --systems malha,roapi"

  python -m bench.api --scale 1 --seconds 10 --picture /tmp/bench.svg
"""


@app.command(help=_EXAMPLES)
def main(
    scale: Annotated[
        float, typer.Option(min=0.001, max=100, help="TPC-H's scale: 1 is 1 500 000 orders")
    ] = 1,
    cases: Annotated[str, typer.Option(help="Only these, separated by commas")] = "",
    systems: Annotated[str, typer.Option(help="Only these, separated by commas")] = "",
    seconds: Annotated[
        float, typer.Option(min=0.1, max=60, help="For each case and system, after a warm-up")
    ] = 5,
    results: Annotated[Path, typer.Option(help="Where the figures go, as JSON")] = (
        ROOT / "bench/results/api.json"
    ),
    picture: Annotated[
        Path, typer.Option(help="Where the picture goes, as SVG, if nothing failed")
    ] = ROOT / "docs/bench-api.svg",
) -> None:
    planned = plan(cases, systems, seconds)
    with generated(scale) as (folder, base), console.status("running"):
        found = measure(base, folder, planned, say)
    write_json(found.outcomes, results)
    console.print(table(found, scale))
    console.print(f"{results}", markup=False, soft_wrap=True)
    if found.failures:
        raise BenchmarkError("\n".join(["not all could be measured:", *found.failures]))
    write_picture(found, scale, picture)
    console.print(f"{picture}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    run_app(app)
