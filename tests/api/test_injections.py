"""What comes from outside stays a value: no text changes a statement, breaks a page or finds a
secret."""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote, urlencode

import httpx
import pytest
from sqlglot import TokenType, exp, parse_one, tokenize

from api import parameters, queries
from api.access import EVERYTHING
from api.errors import InvalidRequestError
from api.patterns import MAX_WILDCARDS
from api.query import Filter, Query
from tests.api.conftest import SECRET, Apis
from tests.api.injections import INJECTIONS
from tests.api.orders import PATH, ROWS, await_rows, create, drop
from tests.api.running import Running, rows_of
from tests.api.support import TYPES, product, query
from tests.mesh import Mesh

PRODUCT = product(lookup="name")
TABLE = exp.table_("thing", quoted=True)

LEGAL = {
    **{"select": "id", "sort": "-id", "limit": "7", "format": "csv", "cursor": "x"},
    **{"count": "exact", "group_by": "name", "aggregate": "sum.money"},
    **{"id": "1", "tiny": "1", "small": "1", "whole": "1", "big": "1", "single": "1.5"},
    **{"double": "1.5", "money": "1.50", "exact": "1.50", "name": "Ana", "flag": "true"},
    **{"day": "2026-01-31", "moment": "2026-01-31T12:00:00Z", "id.in": "1,2", "name.eq": "Ana"},
    **{"name.ne": "Ana", "name.gt": "Ana", "name.in": "Ana,Rui", "name.like": "A%"},
    **{"name.is": "null", "money.gte": "1.50", "day.lt": "2026-01-31", "double.lte": "1.5"},
    **{"moment.ne": "2026-01-31T12:00:00Z"},
}
"""A value of each parameter that is taken."""

NAMES = (
    *parameters.RESERVED,
    *TYPES,
    *("id.in", "name.eq", "name.ne", "name.gt", "name.in", "name.like", "name.is", "money.gte"),
    *("day.lt", "moment.ne", "double.lte", "limit.eq", "x", "name.x"),
)


def rendered(asked: Query) -> dict[str, str]:
    return {
        "spark": queries.for_spark(queries.rows_of(asked, TABLE, EVERYTHING)),
        "duckdb": queries.for_duckdb(queries.rows_of(asked, TABLE, EVERYTHING)),
    }


Shape = tuple[tuple[TokenType, str], ...]

_LITERALS = {TokenType.STRING, TokenType.NUMBER, TokenType.TRUE, TokenType.FALSE}


def skeleton(sql: str, dialect: str) -> tuple[Shape, list[str]]:
    """A statement's tokens but for its literals, and its literals: a parser sees nothing else."""
    tokens = tokenize(sql, read=dialect)
    assert not [token for token in tokens if token.comments], sql
    literals = sorted(token.text for token in tokens if token.token_type in _LITERALS)
    shape = tuple(
        (TokenType.STRING, "?") if token.token_type in _LITERALS else (token.token_type, token.text)
        for token in tokens
    )
    return shape, literals


def test_corpus_is_as_large_as_it_should_be() -> None:
    assert len(INJECTIONS) >= 300


def statement(operator: Any, text: str, dialect: str) -> str:
    value = (text,) if operator == "in" else text
    name = next(one for one in PRODUCT.columns if one.name == "name")
    asked = replace(query(of=PRODUCT), filters=(Filter(name, operator, value),))
    return rendered(asked)[dialect]


KINDS_OF_PATTERNS = ("a", "a%", "%a", "%a%", "a_", "a%b")


@pytest.mark.parametrize("dialect", ["spark", "duckdb"])
def test_pattern_changes_nothing_but_its_literal(dialect: str) -> None:
    shapes = {skeleton(statement("like", one, dialect), dialect)[0] for one in KINDS_OF_PATTERNS}
    assert len(shapes) == 5
    for text in filter(is_pattern, INJECTIONS):
        sql = statement("like", text, dialect)
        assert skeleton(sql, dialect)[0] in shapes, text
        assert dialect == "duckdb" or "$" not in sql


@pytest.mark.parametrize("operator", ["eq", "in"])
@pytest.mark.parametrize("dialect", ["spark", "duckdb"])
def test_text_changes_nothing_but_its_literal(operator: Any, dialect: str) -> None:
    assert isinstance(
        parse_one(statement(operator, "harmless", dialect), dialect=dialect), exp.Select
    )
    harmless, _ = skeleton(statement(operator, "harmless", dialect), dialect)
    for text in INJECTIONS:
        if "\x00" in text:
            continue  # is refused before
        sql = statement(operator, text, dialect)
        shape, literals = skeleton(sql, dialect)
        assert shape == harmless, text
        assert text in literals, text
        assert dialect == "duckdb" or "$" not in sql


def is_text(text: str) -> bool:
    """Whether it can be a value of a column of texts: all but what is too long or has U+0000."""
    return len(text) <= 1000 and "\x00" not in text


def is_pattern(text: str) -> bool:
    """Whether it can be asked for with `like`: a backslash stands before %, _ or another alone, and
    there are not too many wildcards."""
    written = re.fullmatch(r"(?:[^\\]|\\[%_\\])*", text, re.S) is not None
    wildcards = re.findall("%+|_", text)
    return is_text(text) and written and len(wildcards) <= MAX_WILDCARDS


TAKEN: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(("name", "name.eq", "name.ne", "name.gt", "name.in"), is_text),
    "name.like": is_pattern,
}
"""Parameters that take whatever their type allows, and what that is."""


@pytest.mark.parametrize("name", NAMES)
def test_value_of_a_parameter_is_refused_or_changes_literals_alone(name: str) -> None:
    shapes = set()
    taken = []
    for text in (*INJECTIONS, LEGAL.get(name, "1")):
        try:
            asked = parameters.read(PRODUCT, urlencode({name: text})).query
        except InvalidRequestError:
            continue
        taken.append(text)
        for dialect, sql in rendered(asked).items():
            shapes.add((dialect, skeleton(sql, dialect)[0]))
    # `limit` and `sort` say nothing that is not in the contract; `in` may have several values.
    widths = 4 if name.endswith(".in") else 5 if name.endswith(".like") else 1
    assert len(shapes) <= 2 * widths
    if name in LEGAL:
        assert taken[-1:] == [LEGAL[name]]
    else:
        assert not taken
    if name in TAKEN:
        assert taken[:-1] == [text for text in INJECTIONS if TAKEN[name](text)]
        assert len(taken) > 250


def test_name_of_a_parameter_is_refused() -> None:
    known = {*NAMES, *(f"{name}.{operator}" for name in TYPES for operator in ("eq", "is"))}
    for text in INJECTIONS:
        if text in known:
            continue
        for name in (text, f"{text}.eq", f"id.{text}", f"name{text}"):
            if name in ("id", "name"):
                continue
            with pytest.raises(InvalidRequestError):
                parameters.read(PRODUCT, urlencode({name: "1"}))
    for name, text in LEGAL.items():
        assert parameters.read(PRODUCT, urlencode({name: text}))


def test_key_of_the_path_is_a_literal() -> None:
    harmless = {
        dialect: skeleton(sql, dialect)[0]
        for dialect, sql in rendered(query("", PRODUCT, "harmless")).items()
    }
    for text in INJECTIONS:
        try:
            asked = query("", PRODUCT, text)
        except InvalidRequestError:
            assert not is_text(text)
            continue
        for dialect, sql in rendered(asked).items():
            assert skeleton(sql, dialect)[0] == harmless[dialect], text


@pytest.mark.parametrize("parameter", ["select", "sort", "group_by", "aggregate", "limit"])
def test_what_stands_for_names_is_never_taken_from_outside(parameter: str) -> None:
    columns = set(TYPES)
    for text in INJECTIONS:
        for value in (text, f"id,{text}", f"-{text}", f"sum.{text}", f"count.{text}"):
            try:
                asked = parameters.read(PRODUCT, urlencode({parameter: value})).query
            except InvalidRequestError:
                continue
            assert {one.name for one in asked.select} <= columns
            assert {one.column.name for one in asked.aggregates if one.column} <= columns
            assert {one.name for one in asked.sort} <= columns | {a.name for a in asked.aggregates}
    assert parameters.read(PRODUCT, urlencode({parameter: LEGAL[parameter]}))


@pytest.fixture(scope="module", params=["tier", "thrift"])
def api(mesh: Mesh, apis: Apis, request: pytest.FixtureRequest) -> Iterator[Running]:
    found = apis(request.param)
    create(mesh)
    await_rows(found)
    yield found
    drop(mesh)


ALL = [row["nome"] for row in ROWS]


@dataclass(frozen=True)
class Attempt:
    """A path with a text in it, and whose rows have to be answered."""

    path: str
    names: list[str] | None = None
    """None where it is refused, unless the text happens to be what is asked for there."""


def _attempts(api: Running) -> Iterator[Attempt]:
    """Each text in each of its places; through Spark, a part of those that it would answer."""
    texts = [*INJECTIONS, "${env:SECRET_OF_TESTS}", "' || getenv('SECRET_OF_TESTS') || '"]
    every = 1 if api.in_memory or "API_EXAMPLES" in os.environ else 8
    for number, text in enumerate(texts):
        part = quote(text, safe="")
        yield Attempt(f"{PATH}/{part}")
        yield Attempt(f"/api/{part}")
        yield Attempt(f"{PATH}?{part}=1")
        yield Attempt(f"{PATH}?cursor={part}")
        yield Attempt(f"{PATH}?select={part}&sort={part}&limit={part}&format={part}&count={part}")
        yield Attempt(f"{PATH}?group_by={part}&aggregate={part}")
        if number % every == 0 or "env" in text or text.strip("%") == "":
            yield Attempt(f"{PATH}?nome={part}&valor={part}")
            # There is nobody of such a name: a text that were more than a value would find some.
            yield Attempt(f"{PATH}?nome={part}", [] if is_text(text) else None)
            yield Attempt(f"{PATH}?nome.in={part}", [] if is_text(text) else None)
            named = _like(text) if is_pattern(text) else None
            yield Attempt(f"{PATH}?nome.like={part}&limit=all", named)


def _like(pattern: str) -> list[str]:
    """The names that SQL's `like` finds, as a regular expression finds them."""
    parts = re.findall(r"\\.|.", pattern, re.S)
    known = {"%": ".*", "_": "."}
    expression = "".join(known.get(part, re.escape(part[-1])) for part in parts)
    return [name for name in ALL if re.fullmatch(expression, name, re.S)]


def test_no_text_breaks_an_answer_or_finds_a_secret(api: Running) -> None:
    secrets = [SECRET, os.environ["HOME"], os.environ["PATH"], str(api.folder)]
    statuses = set()
    attempts = list(_attempts(api))
    for attempt, answer in zip(attempts, api.get_all([one.path for one in attempts]), strict=True):
        path, status = attempt.path, answer.status_code
        statuses.add(status)
        assert status < 500, (path, answer.text)
        said = answer.text + json.dumps(dict(answer.headers))
        for secret in secrets:
            assert secret not in said, path
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
        if attempt.names is not None:
            assert [row["nome"] for row in rows_of(answer)] == attempt.names, path
        elif "?nome=" not in path and not path.startswith(f"{PATH}/"):
            # Numbers and dots are what some of the others ask for.
            assert status >= 300 or unquote(path).strip("/.") in ("api", ""), path
    # A path with `..` may lead to /, which leads to the documentation.
    # What is too long is refused before it is read.
    assert statuses <= {200, 307, 404, 414, 422}
    answered = [one for one in attempts if one.names is not None]
    assert len(answered) > (900 if api.in_memory else 120)
    assert any(one.names == ALL for one in answered)
    assert rows_of(api.get(PATH)) == ROWS


def test_no_text_of_a_header_breaks_an_answer(api: Running) -> None:
    expected = {
        "accept": {200, 400, 406},
        "accept-encoding": {200, 400},
        "if-none-match": {200, 304, 400},
        "x-request-id": {200, 400},
    }
    asked = [
        (name, text.replace("\r", " ").replace("\n", " ").replace("\x00", " ").strip())
        for text in INJECTIONS
        for name in expected
    ]

    def ask(one: tuple[str, str]) -> httpx.Response | None:
        header = {one[0].encode(): one[1].encode()[:2000]}
        try:
            return api.client.get(PATH, headers=header)
        except httpx.LocalProtocolError:
            return None

    answered = 0
    for (name, text), answer in zip(asked, api.each(ask, asked), strict=True):
        printable = all(" " <= character <= "~" for character in text)
        assert answer is not None or not printable, (name, text)
        if answer is None:
            continue
        assert answer.status_code in expected[name], (name, text)
        assert answer.status_code != 400 or not printable, (name, text)
        if answer.status_code == 200:
            answered += 1
            assert name == "accept" or rows_of(answer) == ROWS
    assert answered > 900
