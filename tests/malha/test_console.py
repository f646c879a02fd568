"""How wide the commands' tables are."""

import io

import pytest

from malha.console import Console


def test_what_goes_to_a_pipe_is_whole_whatever_the_shell_says_of_its_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert Console(file=io.StringIO()).width == 10_000


def test_terminal_and_a_given_width_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert Console(file=io.StringIO(), force_terminal=True).width == 40
    assert Console(file=io.StringIO(), width=60).width == 60
