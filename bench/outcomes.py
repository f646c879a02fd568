"""What is planned of the API benchmark, and what comes of it."""

from dataclasses import dataclass, field

from bench.cases import CASES, chosen

SYSTEMS = ("malha", "roapi", "original", "pyhive")


@dataclass(frozen=True)
class Plan:
    """What is run, and for how long."""

    cases: list[str]
    systems: list[str]
    seconds: float
    """Of each case and system."""


def plan(wanted_cases: str, wanted_systems: str, seconds: float) -> Plan:
    """Read the choices of the command line, each a list separated by commas or empty for all.

    Raises:
        BenchmarkError: there is no such case or system.
    """
    return Plan(
        chosen(CASES, wanted_cases, "case"), chosen(SYSTEMS, wanted_systems, "system"), seconds
    )


@dataclass(frozen=True)
class Outcome:
    """What one system did in one case."""

    case: str
    system: str
    rps: float
    """Answers a second."""
    p50_ms: float
    p99_ms: float
    rss_mib: int
    """Resident memory of the server's process tree at most."""


@dataclass
class Found:
    """Everything that came of a run."""

    rows: int
    """Of the product."""
    client_rps: float
    """Small answers a second that the load client has from a server that does nothing."""
    client_mib_s: float
    """The same, in MiB of large answers."""
    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """A case that a system refused or answered wrongly, and why."""
