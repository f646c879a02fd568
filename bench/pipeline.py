"""The command of the pipeline benchmark; `make bench-pipeline` calls it."""

from pathlib import Path
from typing import Annotated

import typer

from bench.data import map_increment
from bench.figures import figures, table, write_json, write_picture
from bench.own_stack import console, generated, say
from bench.runs import measure
from malha.console import run_app
from malha.settings import ROOT

app = typer.Typer(add_completion=False)

_EXAMPLES = """Measure this pipeline beside the plain PySpark script that it replaces.

Orders and customers of TPC-H become deliveries of pedido and cliente. Three ways are timed, each
as whole processes: the plain script (CSV to Parquet, filter, join); ingest and dbt build, with all
tests; and both again after one per cent more rows. Ouro is checked after each. It runs on a stack
of its own, beside any other.

Examples:

  make bench-pipeline SCALE=0.1

  make bench-pipeline SCALE=1 REPEAT=3

  python -m bench.pipeline --scale 10 --picture /tmp/bench.svg
"""


@app.command(help=_EXAMPLES)
def main(
    scale: Annotated[
        float, typer.Option(min=0.001, max=100, help="TPC-H's scale: 1 is 1 650 000 rows")
    ] = 1,
    repeat: Annotated[int, typer.Option(min=1, help="Measure so often; medians count")] = 1,
    results: Annotated[Path, typer.Option(help="Where the figures go, as JSON")] = (
        ROOT / "bench/results/pipeline.json"
    ),
    picture: Annotated[Path, typer.Option(help="Where the picture goes, as SVG")] = (
        ROOT / "docs/bench-pipeline.svg"
    ),
) -> None:
    with generated(scale) as (folder, base):
        increment = map_increment(folder / "tpch", folder / "increment", base)
        measured = []
        for number in range(1, repeat + 1):
            with console.status(f"run {number} of {repeat}"):
                measured.append(measure(base, increment, say))
    found = figures(scale, measured)
    write_json(found, results)
    write_picture(found, base.rows, picture)
    console.print(table(found, base.rows, increment.rows))
    console.print(f"{results}\n{picture}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    run_app(app)
