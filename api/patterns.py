r"""LIKE patterns as regular expressions that either engine matches in linear time.

`%` stands for any characters, `_` for one, `\` takes the next one as it is. DuckDB's own LIKE tries
every way to split a text between the `%`; Java's regular expressions would do the same. But what is
between two `%` has a fixed length, so the first place where it is found is as good as any later
one, and no other needs to be tried.
"""

import re
from dataclasses import dataclass

MAX_WILDCARDS = 32
"""`%` and `_` of one pattern."""

_SPECIAL = frozenset("\\.+*?()|[]{}^$")
_SIGN = re.compile(r"[%_]+|\\.|[^%_\\]", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """A pattern, cut at each `%`."""

    parts: tuple[tuple[str | None, ...], ...]
    """The characters of each part; None for any one character."""

    @property
    def texts(self) -> list[str] | None:
        """The parts as texts; None where one of them has a `_`."""
        if any(None in part for part in self.parts):
            return None
        return ["".join(one or "" for one in part) for part in self.parts]

    @property
    def re2(self) -> str:
        """For RE2, which is linear by itself: to be matched with the whole text, `.` any sign."""
        return ".*".join(_regex(part) for part in self.parts)

    @property
    def java(self) -> str:
        """For java.util.regex: what has been found is not looked for again."""
        first, *others = (_regex(part) for part in self.parts)
        if not others:
            return rf"(?s)\A{first}\z"
        *middle, last = others
        found = "".join(f"(?>.*?{part})" for part in middle)
        return rf"(?s)\A{first}{found}" + (rf".*{last}\z" if last else "")


def read(text: str) -> Pattern:
    r"""The pattern of a text in which `\` stands before `%`, `_` and `\` alone.

    Raises:
        ValueError: it has more wildcards than may be.
    """
    parts: list[list[str | None]] = [[]]
    wildcards = 0
    for sign in _SIGN.findall(text):
        if sign[0] not in "%_":
            parts[-1].append(sign[-1])
            continue
        # `%_%` is `_%`.
        ones, several = sign.count("_"), "%" in sign
        wildcards += ones + several
        parts[-1] += [None] * ones
        if several:
            parts.append([])
    if wildcards > MAX_WILDCARDS:
        raise ValueError(f"at most {MAX_WILDCARDS} wildcards, % and _, are allowed")
    return Pattern(tuple(tuple(part) for part in parts))


def _regex(part: tuple[str | None, ...]) -> str:
    return "".join("." if one is None else f"\\{one}" if one in _SPECIAL else one for one in part)
