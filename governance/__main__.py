"""The command line of lineage: `python -m governance`; make calls it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from rich.tree import Tree
from starlette.staticfiles import StaticFiles

from governance.lineage import Lineage, Origin, describe, models_of, relation_of
from malha.console import Console, run_app
from malha.errors import ManifestError
from malha.settings import load

console = Console(highlight=False)
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Where the columns of the mesh come from.",
)

_EXAMPLES = """
[bold]Examples[/bold]

  make lineage PRODUCT=cliente_pedido

  make lineage PRODUCT=cliente_pedido COLUMN=valor
"""


@app.command(epilog=_EXAMPLES)
def show(
    product: Annotated[str, typer.Argument(help="A model or snapshot, by its name in dbt.")],
    column: Annotated[
        str | None, typer.Argument(help="One of its columns; all by default.")
    ] = None,
) -> None:
    """Show each column with what it is made from, back to the sources."""
    manifest = _read(load().manifest_path)
    relations = {node["name"]: relation_of(node) for node in models_of(manifest)}
    if product not in relations:
        raise ManifestError(
            f"there is no model {product}: there are {', '.join(sorted(relations))}"
        )
    traced = Lineage(manifest)
    origins = traced.columns(relations[product])
    names = [origin.column for origin in origins]
    if column is not None and column not in names:
        raise ManifestError(f"{product} has no column {column}: it has {', '.join(names)}")
    for origin in origins:
        if column in (None, origin.column):
            console.print(_tree(traced, origin, Tree(f"[bold]{origin}[/bold]")))


@app.command(name="describe")
def describe_(
    target: Annotated[Path, typer.Argument(help="Where `dbt docs generate` has written.")],
) -> None:
    """Add to dbt's docs where each column comes from."""
    path = target / "manifest.json"
    manifest = _read(path)
    described = describe(manifest)
    path.write_text(json.dumps(manifest))
    console.print(f"{described} columns say where they come from", markup=False)


@app.command()
def serve(
    target: Annotated[Path, typer.Argument(help="Where `dbt docs generate` has written.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="On loopback.")] = 8080,
) -> None:
    """Serve dbt's docs until Ctrl-C."""
    console.print(f"http://127.0.0.1:{port}")
    files = StaticFiles(directory=target, html=True)
    uvicorn.run(files, host="127.0.0.1", port=port, lifespan="off", log_level="warning")


def _tree(traced: Lineage, origin: Origin, tree: Tree) -> Tree:
    for parent in traced.parents(origin):
        _tree(traced, parent, tree.add(str(parent)))
    return tree


def _read(path: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise ManifestError(f"dbt's manifest is not at {path}: run `dbt compile`") from None
    except ValueError as error:
        raise ManifestError(f"{path} is no manifest of dbt's: {error}") from error
    return manifest


if __name__ == "__main__":
    run_app(app)
