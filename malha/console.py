"""What the project's command lines share."""

import sys

import typer
from rich.console import Console
from rich.text import Text

from malha.errors import MalhaError

errors = Console(stderr=True, highlight=False, soft_wrap=True)


def say_error(error: BaseException) -> None:
    """Print an error for the user, as it is."""
    errors.print(Text.assemble(("error: ", "bold red"), str(error)))


def say_warning(text: str) -> None:
    """Print a warning for the user, as it is."""
    errors.print(Text.assemble(("warning: ", "bold yellow"), text))


def run_app(app: typer.Typer) -> None:
    """Run a command line: a MalhaError is a message and its exit code, Ctrl-C is 130."""
    try:
        app()
    except MalhaError as error:
        say_error(error)
        sys.exit(error.exit_code)
