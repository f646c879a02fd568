"""What comes of runs and replays."""

from collections.abc import Callable
from dataclasses import dataclass, field

from malha.errors import MalhaError

Tick = Callable[[int, int, int], None]
"""Called with the files done, how many there are to do, and the rows so far; raises to stop."""


@dataclass
class Outcome:
    """What one run of a source did."""

    files: int = 0
    rows: int = 0
    corrupt_rows: int = 0
    undeclared: set[str] = field(default_factory=set)
    """Columns that the files have and the source does not declare; they are in `_extra`."""
    set_aside: list[str] = field(default_factory=list)
    """What was wrong with each file that was moved out of the way, and where it is now."""


@dataclass
class Results:
    """What came of each source, by its name, in the order in which they were given."""

    outcomes: dict[str, tuple[Outcome, float]] = field(default_factory=dict)
    """The outcome, and how many seconds it took."""
    failures: dict[str, MalhaError] = field(default_factory=dict)
    start_seconds: float = 0.0
    """How long Spark took to start, before the first of them."""
