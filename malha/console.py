"""What the project's command lines share."""

import os
import sys
import tempfile
import traceback
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from malha.errors import MalhaError

# A descriptor of its own: what the user is told stays on the terminal while that of other programs,
# such as Spark, goes to a log.
errors = Console(
    file=os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8"), highlight=False, soft_wrap=True
)


def say_error(error: object) -> None:
    """Print an error for the user, as it is."""
    errors.print(Text.assemble(("error: ", "bold red"), str(error)))


def say_warning(text: str) -> None:
    """Print a warning for the user, as it is."""
    errors.print(Text.assemble(("warning: ", "bold yellow"), text))


def run_app(app: typer.Typer) -> None:
    """Run a command line: a MalhaError is a message and its exit code, Ctrl-C is 130.

    What nobody foresaw is a message too; its stack trace goes to a file that the message names.
    """
    app.pretty_exceptions_enable = False
    try:
        app()
    except MalhaError as error:
        say_error(error)
        sys.exit(error.exit_code)
    except Exception as error:
        trace = Path(tempfile.mkdtemp(prefix="malha-error-")) / "trace.txt"
        trace.write_text(traceback.format_exc())
        say_error(f"{type(error).__name__}: {error}. This is a fault of malha: {trace} has more")
        sys.exit(1)
