"""The API benchmark: its questions, how answers are compared, and what it shows."""

import io
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest
from rich.console import Console

from bench.answers import (
    SCHEMA,
    Reference,
    compare,
    compare_tables,
    plain,
    rows_of,
    table_of,
)
from bench.api_figures import table, write_picture
from bench.cases import CASES, Case, Facts, Form, cases, chosen
from bench.errors import BenchmarkError
from bench.figures import write_json
from bench.outcomes import SYSTEMS, Found, Outcome, plan

ROWS = [
    (1, 7, "Ana", Decimal("200.00")),
    (2, 8, "Bo, b", Decimal("0.10")),
    (3, 7, "Ana", Decimal("90000.00")),
]
FACTS = Facts(range(1, 101), Decimal("1.00"), Decimal("500000.00"))


def product() -> pa.Table:
    return pa.table([list(column) for column in zip(*ROWS, strict=True)], schema=SCHEMA)


@pytest.fixture
def reference(tmp_path: Path) -> Reference:
    pyarrow.parquet.write_table(product(), tmp_path / "product.parquet")
    return Reference(tmp_path / "product.parquet")


@pytest.fixture
def asked() -> dict[str, Case]:
    return {case.name: case for case in cases(FACTS, most=50)}


def test_cases_are_those_that_can_be_chosen(asked: dict[str, Case]) -> None:
    assert tuple(asked) == CASES


def test_questions_are_the_same_each_time_and_none_twice(asked: dict[str, Case]) -> None:
    again = {case.name: case for case in cases(FACTS, most=50)}
    assert asked == again
    for name in ("one client", "range sorted", "cold"):
        questions = [question.sql for question in asked[name].questions]
        assert len(questions) > 20
        assert len(questions) == len(set(questions))


def test_only_malha_and_bare_pyhive_are_asked_what_is_cold(asked: dict[str, Case]) -> None:
    assert [one for one in SYSTEMS if asked["cold"].asked_of(one)] == ["malha", "pyhive"]
    assert [one for one in SYSTEMS if asked["conditional"].asked_of(one)] == ["malha"]
    assert [one for one in SYSTEMS if asked["export csv"].asked_of(one)] == ["malha", "roapi"]
    assert [one for one in SYSTEMS if asked["first page"].asked_of(one)] == list(SYSTEMS[:3])


def test_every_question_has_an_answer_in_sql(asked: dict[str, Case], reference: Reference) -> None:
    for case in asked.values():
        for question in case.questions:
            reference.rows(question.sql)
    assert reference.rows(asked["aggregate"].questions[0].sql) == [
        (7, 2, Decimal("90200.00"), Decimal("45100.0")),
        (8, 1, Decimal("0.10"), Decimal("0.1")),
    ]


def test_facts_are_those_of_the_product(reference: Reference) -> None:
    facts = reference.facts()
    assert (facts.clients, facts.least, facts.greatest) == (
        [7, 8],
        Decimal("0.10"),
        Decimal("90000.00"),
    )


def test_choice_is_all_or_those_named_in_their_own_order() -> None:
    assert chosen(CASES, "", "case") == list(CASES)
    assert chosen(CASES, "cold, first page", "case") == ["first page", "cold"]
    with pytest.raises(BenchmarkError, match="there is no system flask: choose of malha, roapi"):
        plan("", "malha,flask", 1)


def test_json_answer_is_read_with_all_digits() -> None:
    body = b'[{"pedido_id":1,"cliente_id":7,"nome":"Ana","valor":200.00}]'
    assert rows_of(body) == plain(ROWS[:1])


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"detail":"no"}', b"7", b""])
def test_another_answer_than_a_list_of_rows_is_an_error(body: bytes) -> None:
    with pytest.raises(BenchmarkError, match="not a JSON array of objects"):
        rows_of(body)


@pytest.mark.parametrize(
    "wrong",
    [
        ROWS[:2],
        [ROWS[1], ROWS[0], ROWS[2]],
        [ROWS[0], ROWS[1], (3, 7, "Ana", Decimal("90000.01"))],
        [ROWS[0], ROWS[1], (3, 7, "ana", Decimal("90000.00"))],
        [ROWS[0], ROWS[1], ROWS[2][:3]],
        [ROWS[0], ROWS[1], (3, 7, "Ana", None)],
    ],
    ids=["fewer", "another order", "a cent", "a letter", "a column", "a null"],
)
def test_other_rows_are_found_out(wrong: list[tuple[object, ...]]) -> None:
    compare(plain(ROWS), plain(ROWS))
    with pytest.raises(BenchmarkError, match="instead of"):
        compare(plain(wrong), plain(ROWS))


def test_averages_may_differ_in_digits_that_are_kept() -> None:
    compare([(Decimal("146896.204285"),)], [(Decimal("146896.2042857143"),)])


def export(form: str) -> bytes:
    if form == "arrow stream":
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, SCHEMA) as writer:
            writer.write_table(product())
        return sink.getvalue()
    if form == "arrow file":
        sink = io.BytesIO()
        with pa.ipc.new_file(sink, SCHEMA) as writer:
            writer.write_table(product())
        return sink.getvalue()
    if form == "csv":
        lines = [f'{a},{b},"{c}",{d}' for a, b, c, d in reversed(ROWS)]
        return "\n".join(["pedido_id,cliente_id,nome,valor", *lines, ""]).encode()
    objects = [
        f'{{"nome":{json.dumps(c)},"pedido_id":{a},"cliente_id":{b},"valor":{d}}}'
        for a, b, c, d in ROWS
    ]
    return f"[{','.join(objects)}]".encode()


@pytest.mark.parametrize("form", ["json", "csv", "arrow stream", "arrow file"])
def test_export_is_the_product_in_whatever_form(form: str, reference: Reference) -> None:
    found = table_of(export(form), Form(form.split()[0]))
    expected = reference.table("select * from ouro.cliente_pedido order by pedido_id")
    compare_tables(found, expected)
    with pytest.raises(BenchmarkError, match="2 rows came instead of 3"):
        compare_tables(found.slice(1), expected)
    other = duckdb.sql("select * replace (0.1::decimal(18, 2) as valor) from found")
    with pytest.raises(BenchmarkError, match="not the same"):
        compare_tables(other.to_arrow_table().cast(SCHEMA), expected)


@pytest.mark.parametrize("form", list(Form))
def test_export_of_something_else_is_an_error(form: Form) -> None:
    with pytest.raises(BenchmarkError, match=f"not the product as {form}"):
        table_of(b'{"detail": "no"}', form)


@pytest.fixture
def found() -> Found:
    return Found(
        1_500_000,
        20_000,
        3_000,
        [
            Outcome("first page", "malha", 3000, 1.0, 4.0, 400),
            Outcome("first page", "roapi", 1500, 2.0, 8.0, 150),
            Outcome("export csv", "malha", 2, 2000.0, 2500.0, 500),
            Outcome("conditional", "malha", 5000, 0.5, 1.0, 400),
        ],
    )


def test_table_has_ratios_and_rows_a_second(found: Found) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table(found, 1))
    shown = console.export_text()
    roapi = next(line for line in shown.splitlines() if "roapi" in line)
    export = next(line for line in shown.splitlines() if "export csv" in line)
    assert roapi.split()[-1] == "2.00"
    assert export.split()[-2:] == ["3.00", "500"]
    assert "20,000 req/s" in shown


def test_json_is_a_list_of_outcomes(found: Found, tmp_path: Path) -> None:
    write_json(found.outcomes, tmp_path / "api.json")
    written = json.loads((tmp_path / "api.json").read_text())
    assert len(written) == 4
    assert written[1] == {
        "case": "first page",
        "system": "roapi",
        "rps": 1500,
        "p50_ms": 2.0,
        "p99_ms": 8.0,
        "rss_mib": 150,
    }


def test_picture_has_what_was_measured_and_no_scripts(found: Found, tmp_path: Path) -> None:
    write_picture(found, 1, tmp_path / "api.svg")
    picture = (tmp_path / "api.svg").read_text()
    assert "first page" in picture
    assert "roapi" in picture
    assert "aggregate" not in picture
    assert "pyhive" not in picture
    assert "<script" not in picture
