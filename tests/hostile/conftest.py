"""At the end, what each attack did to whoever behaves well."""

import pytest

from tests.hostile.victim import MEMORY, TABLE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show p99 before and during each attack; they are told, and no test depends on them."""
    if TABLE:
        terminalreporter.section("whoever behaves well, meanwhile")
        terminalreporter.write_line("| attack | p99 idle, ms | p99 during, ms | ratio | refused |")
        terminalreporter.write_line("|---|---|---|---|---|")
    for line in TABLE:
        before, during = line.idle.p99 * 1000, line.during.p99 * 1000
        terminalreporter.write_line(
            f"| {line.attack} | {before:.1f} | {during:.1f} | {line.ratio:.1f} "
            f"| {line.during.refused} of {len(line.during.seconds)} |"
        )
    for told in MEMORY:
        terminalreporter.write_line(told)
