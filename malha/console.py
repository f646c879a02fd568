"""What the project's command lines share."""

import sys

import typer
from rich.console import Console

from malha.errors import MalhaError


def run_app(app: typer.Typer) -> None:
    """Run a command line: a MalhaError is a message and exit code 1, Ctrl-C exit code 130."""
    console = Console(stderr=True)
    try:
        app(standalone_mode=True)
    except MalhaError as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("[bold]interrupted[/]")
        sys.exit(130)
