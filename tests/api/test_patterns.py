"""LIKE patterns: both engines' expressions match what a plain reading of the pattern matches."""

import re

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api import patterns
from api.patterns import MAX_WILDCARDS
from tests.api.oracle import matches

SIGNS = [
    "%",
    "_",
    "\\%",
    "\\_",
    "\\\\",
    "a",
    "b",
    "é",
    "😀",
    "\n",
    ".",
    "*",
    "(",
    "[",
    "^",
    "$",
    "'",
]


def re2(pattern: str, text: str) -> bool:
    sql = "select regexp_full_match(?, ?, 's')"
    found = duckdb.execute(sql, [text, patterns.read(pattern).re2]).fetchone()
    assert found is not None
    return bool(found[0])


def java(pattern: str, text: str) -> bool:
    """As Java would: Python has the same expressions, but for the end of the text."""
    return re.search(patterns.read(pattern).java.replace(r"\z", r"\Z"), text) is not None


@settings(max_examples=500)
@given(
    pattern=st.lists(st.sampled_from(SIGNS), max_size=10).map("".join),
    text=st.text("ab%_\\é😀\n.*([^$'", max_size=12),
)
@example("%a%ab", "aab")
@example("a%a", "a")
@example("%_%_", "a")
@example("_%_", "ab")
def test_both_expressions_match_what_the_pattern_says(pattern: str, text: str) -> None:
    assert re2(pattern, text) == java(pattern, text) == matches(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("%", ["", ""]),
        ("%a%", ["", "a", ""]),
        ("%%a", ["", "a"]),
        (r"\%a\\%", ["%a\\", ""]),
        ("a%b%c", ["a", "b", "c"]),
        ("a_", None),
    ],
)
def test_pattern_without_single_signs_has_texts(pattern: str, texts: list[str] | None) -> None:
    assert patterns.read(pattern).texts == texts


@pytest.mark.parametrize(("pattern", "same"), [("%_%_%#", "__%#"), ("%%%a", "%a"), ("_%%", "_%")])
def test_run_of_wildcards_is_the_shortest_of_its_meaning(pattern: str, same: str) -> None:
    assert patterns.read(pattern) == patterns.read(same)


def test_wildcards_are_limited_and_texts_are_not() -> None:
    patterns.read("a%" * MAX_WILDCARDS)
    patterns.read("%" * 1000 + r"\%" * 400)
    with pytest.raises(ValueError, match="at most 32 wildcards"):
        patterns.read("a%" * MAX_WILDCARDS + "_")


@pytest.mark.parametrize("pattern", ["%x" * 31 + "y", "%_" * 16 + "#", "%x" + "_" * 30 + "y"])
def test_slow_patterns_end(pattern: str) -> None:
    # With LIKE, or with expressions that try again, either would outlast the suite.
    text = "x" * 5000
    assert not java(pattern, text)
    assert not re2(pattern, text)
