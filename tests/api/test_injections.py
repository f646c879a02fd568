"""What comes from outside stays a value: no text changes a statement, breaks a page or finds a
secret."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from sqlglot import exp, parse

from api import parameters, queries
from api.access import EVERYTHING
from api.errors import InvalidRequestError
from api.query import Filter, Query
from tests.api.injections import INJECTIONS
from tests.api.running import Running, running
from tests.api.support import TYPES, product, query
from tests.mesh import Mesh

PRODUCT = product(lookup="name")
TABLE = exp.table_("thing", quoted=True)

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


def skeleton(sql: str, dialect: str) -> tuple[str, list[str]]:
    """One statement without its literals, and its literals."""
    (tree,) = parse(sql, dialect=dialect)
    assert tree is not None
    literals = sorted(one.name for one in tree.find_all(exp.Literal))
    bare = tree.transform(
        lambda node: (
            exp.Literal.string("?") if isinstance(node, exp.Literal | exp.Boolean) else node
        )
    )
    return bare.sql(dialect=dialect), literals


def test_corpus_is_as_large_as_it_should_be() -> None:
    assert len(INJECTIONS) >= 300


@pytest.mark.parametrize("operator", ["eq", "like", "in"])
@pytest.mark.parametrize("dialect", ["spark", "duckdb"])
def test_text_changes_nothing_but_its_literal(operator: Any, dialect: str) -> None:
    def statement(text: str) -> str:
        value = (text,) if operator == "in" else text
        name = next(one for one in PRODUCT.columns if one.name == "name")
        asked = replace(query(of=PRODUCT), filters=(Filter(name, operator, value),))
        return rendered(asked)[dialect]

    harmless, _ = skeleton(statement("harmless"), dialect)
    for text in INJECTIONS:
        if "\x00" in text:
            continue  # is refused before
        sql = statement(text)
        shape, literals = skeleton(sql, dialect)
        assert shape == harmless, text
        assert text in literals, text
        assert dialect == "duckdb" or "$" not in sql


@pytest.mark.parametrize("name", NAMES)
def test_value_of_a_parameter_is_refused_or_changes_literals_alone(name: str) -> None:
    shapes = set()
    for text in INJECTIONS:
        try:
            asked = parameters.read(PRODUCT, urlencode({name: text})).query
        except InvalidRequestError:
            continue
        for dialect, sql in rendered(asked).items():
            shapes.add((dialect, skeleton(sql, dialect)[0]))
    # `limit` and `sort` say nothing that is not in the contract; `in` may have several values.
    widths = 4 if name.endswith(".in") else 1
    assert len(shapes) <= 2 * widths


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


def test_key_of_the_path_is_a_literal() -> None:
    harmless = {
        dialect: skeleton(sql, dialect)[0]
        for dialect, sql in rendered(query("", PRODUCT, "harmless")).items()
    }
    for text in INJECTIONS:
        try:
            asked = query("", PRODUCT, text)
        except InvalidRequestError:
            assert "\x00" in text or len(text) > 1000
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


@pytest.fixture(scope="module", params=["tier", "thrift"])
def api(
    mesh: Mesh,
    parsed_manifest: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Running]:
    mesh.execute(
        "create schema if not exists ouro",
        "create table if not exists ouro.cliente_pedido "
        "(pedido_id bigint, cliente_id bigint, nome string, valor decimal(18,2)) using iceberg",
        "insert overwrite ouro.cliente_pedido values (1, 1, 'Alice', 200.00)",
    )
    folder = tmp_path_factory.mktemp("injections") / "api"
    rows = {"tier": "2000000", "thrift": "0"}[request.param]
    with running(folder, parsed_manifest, API_TIER_ROWS=rows, SECRET_OF_TESTS=SECRET) as found:
        yield found
    mesh.query("drop table ouro.cliente_pedido purge")


SECRET = "this-is-nowhere-in-any-answer"


def _asked(api: Running) -> Iterator[str]:
    """Paths with each text in its places; through Spark, a part of them."""
    path = "/api/cliente-pedido"
    texts = [*INJECTIONS, "${env:SECRET_OF_TESTS}", "' || getenv('SECRET_OF_TESTS') || '"]
    slow = api.settings.get("API_TIER_ROWS") == "0" and "API_EXAMPLES" not in os.environ
    every = 8 if slow else 1
    for number, text in enumerate(texts):
        part = quote(text, safe="")
        yield f"{path}/{part}"
        yield f"/api/{part}"
        yield f"{path}?{part}=1"
        yield f"{path}?cursor={part}"
        yield f"{path}?select={part}&sort={part}&limit={part}&format={part}&count={part}"
        yield f"{path}?group_by={part}&aggregate={part}"
        if number % every == 0 or "env" in text:
            yield f"{path}?nome={part}&valor={part}"
            yield f"{path}?nome={part}"
            yield f"{path}?nome.in={part}"
            yield f"{path}?nome.like={part}&limit=all"


def test_no_text_breaks_an_answer_or_finds_a_secret(api: Running) -> None:
    secrets = [SECRET, os.environ["HOME"], os.environ["PATH"], str(api.folder)]
    statuses = set()
    for path in _asked(api):
        answer = api.client.get(path)
        statuses.add(answer.status_code)
        assert answer.status_code < 500, (path, answer.text)
        said = answer.text + json.dumps(dict(answer.headers))
        for secret in secrets:
            assert secret not in said, path
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
    # A path with `..` may lead to /, which leads to the documentation.
    # What is too long is refused before it is read.
    assert statuses <= {200, 307, 404, 414, 422}
    assert api.client.get("/api/cliente-pedido").json()[0]["nome"] == "Alice"


def test_no_text_of_a_header_breaks_an_answer(api: Running) -> None:
    for text in INJECTIONS:
        value = text.replace("\r", " ").replace("\n", " ").replace("\x00", " ").strip().encode()
        for name in ("accept", "accept-encoding", "if-none-match", "x-request-id"):
            try:
                answer = api.client.get(
                    "/api/cliente-pedido", headers={name.encode(): value[:2000]}
                )
            except httpx.LocalProtocolError:
                continue
            assert answer.status_code in (200, 304, 400, 406), (name, text)
