"""Cursors: what they bring back, and which are refused."""

import datetime as dt
import stat
from dataclasses import replace
from decimal import Decimal
from math import isnan
from pathlib import Path
from typing import Any

import pytest
from itsdangerous import URLSafeTimedSerializer

from api.cursors import Cursors, secret_of
from api.errors import InvalidRequestError
from tests.api.support import MOMENT, query

CURSORS = Cursors("secret", 60)
SCOPE = "all"


def there_and_back(name: str, value: Any) -> Any:
    asked = query(f"sort={name}")
    text = CURSORS.make(asked, SCOPE, 7, (value, 1))
    snapshot, (found, key) = CURSORS.read(text, asked, SCOPE)
    assert (snapshot, key) == (7, 1)
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tiny", -128),
        ("big", -(2**63)),
        ("big", 2**63 - 1),
        ("single", 0.10000000149011612),
        ("double", 0.1),
        ("double", 5e-324),
        ("double", float("inf")),
        ("double", float("-inf")),
        ("money", Decimal("-0.01")),
        ("exact", Decimal("9" * 28 + "." + "9" * 10)),
        ("exact", Decimal("0.0000000001")),
        ("name", ""),
        ("name", "D'Ávila, 中文 😀 \x00 \\ \" \n"),
        ("name", "x" * 5000),
        ("flag", True),
        ("flag", False),
        ("day", dt.date(1, 1, 1)),
        ("day", dt.date(9999, 12, 31)),
        ("moment", MOMENT),
        ("moment", dt.datetime(1, 1, 1, tzinfo=dt.UTC)),
        ("moment", dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)),
        ("name", None),
        ("double", None),
        ("flag", None),
    ],
)
def test_value_of_each_type_comes_back_exactly(name: str, value: Any) -> None:
    found = there_and_back(name, value)
    assert (found, type(found)) == (value, type(value))


def test_value_that_is_no_number_comes_back() -> None:
    assert isnan(there_and_back("double", float("nan")))


def test_negative_zero_keeps_its_sign() -> None:
    assert str(there_and_back("double", -0.0)) == "-0.0"


def test_cursor_of_a_view_is_of_no_snapshot() -> None:
    assert CURSORS.read(CURSORS.make(query(), SCOPE, None, (1,)), query(), SCOPE) == (None, (1,))


def test_limit_may_change_from_page_to_page() -> None:
    text = CURSORS.make(query("limit=3"), SCOPE, 7, (1,))
    assert CURSORS.read(text, query("limit=9"), SCOPE) == (7, (1,))


def refused(text: str, asked: Any = None, scope: str = SCOPE, by: Cursors = CURSORS) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        by.read(text, asked or query(), scope)
    (problem,) = caught.value.problems
    assert problem.parameter == "cursor"
    return problem.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        ".",
        "..",
        "a.b.c",
        "%00",
        "é",
        "\x00",
        "' or 1=1 --",
        "x" * 20_000,
        ".eJw.x.y",
        "W10",
    ],
)
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    assert "none that this API has made" in refused(text)


def test_changed_cursor_is_refused() -> None:
    made = CURSORS.make(query(), SCOPE, 7, (1,))
    for place in range(0, len(made), 3):
        other = made[:place] + ("A" if made[place] != "A" else "B") + made[place + 1 :]
        # The last characters of a signature have bits that mean nothing.
        if place < len(made) - 1:
            assert "none that this API has made" in refused(other)


def test_cursor_signed_with_another_secret_is_refused() -> None:
    made = Cursors("other", 60).make(query(), SCOPE, 7, (1,))
    assert "none that this API has made" in refused(made)


@pytest.mark.parametrize("content", [None, 1, "abc", [], [1, 2], {"a": 1}, [1, 2, 3, 4]])
def test_signed_content_of_another_shape_is_refused(content: Any) -> None:
    made = URLSafeTimedSerializer("secret", salt="malha.cursor").dumps(content)
    assert refused(made.decode() if isinstance(made, bytes) else made)


def test_cursor_of_another_purpose_is_refused() -> None:
    made = URLSafeTimedSerializer("secret", salt="another").dumps(["x", 7, ["1"]])
    assert "none that this API has made" in refused(str(made))


def test_old_cursor_is_refused_as_expired() -> None:
    made = CURSORS.make(query(), SCOPE, 7, (1,))
    assert "has expired" in refused(made, by=Cursors("secret", -1))


@pytest.mark.parametrize("text", ["sort=-id", "id.gt=0", "select=id", "sort=name"])
def test_cursor_of_another_query_is_refused(text: str) -> None:
    made = CURSORS.make(query(), SCOPE, 7, (1,))
    assert "is of another query" in refused(made, query(text))


def test_cursor_of_another_product_is_refused() -> None:
    asked = query()
    made = CURSORS.make(asked, SCOPE, 7, (1,))
    other = asked.product.model_copy(update={"name": "other"})
    assert "is of another query" in refused(made, replace(asked, product=other))


def test_cursor_of_other_rights_is_refused() -> None:
    made = CURSORS.make(query(), SCOPE, 7, (1,))
    assert "is of another query" in refused(made, scope="less")


def test_page_that_ends_with_a_text_too_long_for_a_url_says_so() -> None:
    # Of text that cannot be compressed.
    text = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(9000))
    with pytest.raises(InvalidRequestError, match="sort: a text in it is too long for pages"):
        CURSORS.make(query("sort=name"), SCOPE, 7, (text, 1))


def test_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "api/cursor.secret"
    first = secret_of(path)
    assert len(first) >= 32
    assert secret_of(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
