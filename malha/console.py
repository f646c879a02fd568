"""What the project's command lines share."""

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich.console
import typer
from rich.console import ConsoleDimensions
from rich.rule import Rule
from rich.text import Text

from malha.errors import MalhaError

_PAGE = 80
_WHOLE = 10_000


class Console(rich.console.Console):
    """What commands print: as wide as the terminal, and whole where it goes to a file or a pipe.

    Rich takes whatever is no terminal for one of 80 columns, and cuts what a program is to read.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if not self.is_terminal and "width" not in options:
            self._width = None  # Rich takes COLUMNS, which tells of a terminal that is not this

    @property
    def size(self) -> ConsoleDimensions:
        """Columns and lines."""
        if self.is_terminal or self._width is not None:
            return super().size
        return ConsoleDimensions(_WHOLE, super().size.height)

    @size.setter
    def size(self, size: tuple[int, int]) -> None:
        self._width, self._height = size

    def heading(self, title: str) -> None:
        """Print a line across the page with a title in it."""
        self.print(Rule(title), width=min(_PAGE, self.width))


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


def say_note(text: str) -> None:
    """Print what the user may want to know, as it is."""
    errors.print(Text.assemble(("note: ", "bold"), text))


def run_app(app: typer.Typer, arguments: Sequence[str] | None = None) -> None:
    """Run a command line: a MalhaError is a message and its exit code, Ctrl-C is 130.

    What nobody foresaw is a message too; its stack trace goes to a file that the message names.

    Args:
        arguments: those of the command line by default.
    """
    app.pretty_exceptions_enable = False
    try:
        app(arguments)
    except MalhaError as error:
        say_error(error)
        sys.exit(error.exit_code)
    except Exception as error:
        trace = Path(tempfile.mkdtemp(prefix="malha-error-")) / "trace.txt"
        trace.write_text(traceback.format_exc())
        say_error(f"{type(error).__name__}: {error}. This is a fault of malha: {trace} has more")
        sys.exit(1)
