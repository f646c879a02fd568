"""Ctrl-C while Spark works.

An exception in the middle of a call to the JVM would leave the connection to it unusable, and
pyspark's own handler makes such a call. So the first Ctrl-C is only noted, and acted on between
calls; the second one ends the process at once, which loses nothing either: what is not committed
is read again by the next run.
"""

import os
import signal

from ingest.errors import Interrupted
from malha.console import errors


class Interrupt:
    """Whether the user asked to stop."""

    def __init__(self) -> None:
        self._asked = False

    def install(self) -> None:
        """Take over Ctrl-C; again after Spark has started, which takes it over too."""
        signal.signal(signal.SIGINT, self._note)
        signal.signal(signal.SIGTERM, self._note)

    def check(self) -> None:
        """Raise Interrupted if the user asked to stop."""
        if self._asked:
            raise Interrupted("interrupted; the next run goes on from here")

    def _note(self, number: int, frame: object) -> None:
        if self._asked:
            os._exit(130)
        self._asked = True
        errors.print("stopping; Ctrl-C again to stop at once")
