"""Ctrl-C in commands that must not be cut anywhere.

The exception that Python raises for it can come in the middle of a call to the JVM, which makes
the connection to it unusable, or inside a finalizer, where it is lost. So it is only noted, and
acted on where the command asks for it.
"""

import os
import signal

from malha.console import errors
from malha.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Whether the user asked to stop, by Ctrl-C, a signal or closing the terminal.

    Args:
        notice: what the user is told at once.
        second_ends: whether to end at once where the user asks again.
    """

    def __init__(self, notice: str, *, second_ends: bool = False) -> None:
        self._notice = notice
        self._second_ends = second_ends
        self._asked = False
        self.install()

    def install(self) -> None:
        """Take the signals over; again after Spark has started, which takes Ctrl-C over too."""
        for number in _SIGNALS:
            signal.signal(number, self._note)

    def check(self) -> None:
        """Raise Interrupted if the user asked to stop."""
        if self._asked:
            raise Interrupted("interrupted")

    def _note(self, number: int, frame: object) -> None:
        if self._asked and self._second_ends:
            os._exit(Interrupted.exit_code)
        if not self._asked:
            errors.print(self._notice)
        self._asked = True
