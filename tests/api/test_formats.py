"""Answers in five forms, and which form and compression a caller gets."""

import csv
import gzip
import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
import zstandard

from api.formats import FORMATS, accepted, accepted_encoding, compressed, compressing
from tests.api.support import SOME, TYPES, rows

EMPTY = rows()


def encoded(name: str, table: pa.Table, batch_rows: int = 2) -> bytes:
    batches = table.to_batches(max_chunksize=batch_rows)
    return b"".join(FORMATS[name].encode(table.schema, batches))


def records(name: str, table: pa.Table) -> list[dict[str, Any]]:
    """What a reader of JSON has: decimals with all digits, floats that are no numbers as null."""
    text = encoded(name, table).decode()
    lines = [text] if name == "json" else text.splitlines()
    read = [json.loads(line, parse_float=Decimal) for line in lines]
    return read[0] if name == "json" else read


@pytest.mark.parametrize("name", ["json", "ndjson"])
def test_json_has_every_digit_and_no_number_that_is_none(name: str) -> None:
    first, second, third = records(name, SOME)
    assert list(first) == list(TYPES)
    assert first["exact"] == Decimal("1234567890123456789012345678.0123456789")
    assert first["big"] == -(2**63)
    assert first["name"] == 'D\'Ávila, "o", 中文 😀\nsegunda linha'
    assert first["day"] == "2026-01-31"
    assert first["moment"] == "2026-01-31T12:00:00.500000Z"
    assert (first["flag"], second["flag"]) == (True, False)
    assert (second["single"], second["double"]) == (None, None)
    assert second["moment"] == "0001-01-01T00:00:00Z"
    assert second["name"] == ""
    assert third == {"id": 3} | {name: None for name in TYPES if name != "id"}


def test_decimal_of_money_keeps_its_cents() -> None:
    assert b'"money":200.00,' in encoded("json", SOME)


@pytest.mark.parametrize("batch_rows", [1, 2, 3])
def test_json_is_the_same_however_it_is_cut(batch_rows: int) -> None:
    assert encoded("json", SOME, batch_rows) == encoded("json", SOME, 100)


def test_json_with_empty_batches_between_is_one_array() -> None:
    batches = [*SOME.slice(0, 1).to_batches(), _empty_batch(), *SOME.slice(1).to_batches()]
    text = b"".join(FORMATS["json"].encode(SOME.schema, batches))
    assert [row["id"] for row in json.loads(text)] == [1, 2, 3]


def _empty_batch() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=SOME.schema)


def test_csv_tells_a_null_from_an_empty_text() -> None:
    text = encoded("csv", SOME).decode()
    lines = list(csv.reader(io.StringIO(text, newline="")))
    assert lines[0] == list(TYPES)
    assert lines[1][TYPES_AT["name"]] == 'D\'Ávila, "o", 中文 😀\nsegunda linha'
    assert lines[1][TYPES_AT["money"]] == "200.00"
    assert lines[1][TYPES_AT["exact"]] == "1234567890123456789012345678.0123456789"
    assert lines[1][TYPES_AT["moment"]] == "2026-01-31T12:00:00.500000Z"
    assert lines[2][TYPES_AT["moment"]] == "0001-01-01T00:00:00.000000Z"
    assert lines[2][TYPES_AT["double"]] == "-inf"
    assert text.splitlines()[-1] == "3" + "," * (len(TYPES) - 1)
    assert ',"",' in text


TYPES_AT = {name: place for place, name in enumerate(TYPES)}


def test_csv_of_a_column_with_a_comma_in_its_name_quotes_it() -> None:
    table = pa.table({"a,b": [1], 'c"d': [2]})
    assert encoded("csv", table) == b'"a,b","c""d"\n1,2\n'


def test_arrow_is_the_table_itself() -> None:
    found = pa.ipc.open_stream(encoded("arrow", SOME)).read_all()
    assert found.schema == SOME.schema
    assert _plain(found) == _plain(SOME)


def test_parquet_is_the_table_itself() -> None:
    found = pa.parquet.read_table(io.BytesIO(encoded("parquet", SOME)))
    assert found.schema == SOME.schema
    assert _plain(found) == _plain(SOME)


def _plain(table: pa.Table) -> list[str]:
    return [repr(row) for row in table.to_pylist()]


@pytest.mark.parametrize(
    ("name", "body"), [("json", b"[]"), ("ndjson", b""), ("csv", f"{','.join(TYPES)}\n".encode())]
)
def test_no_rows_are_an_empty_answer(name: str, body: bytes) -> None:
    assert encoded(name, EMPTY) == body
    assert b"".join(FORMATS[name].encode(EMPTY.schema, [])) == body


@pytest.mark.parametrize("batches", [[], [_empty_batch()]])
def test_no_rows_have_their_columns_in_arrow_and_parquet(batches: list[pa.RecordBatch]) -> None:
    arrow = b"".join(FORMATS["arrow"].encode(EMPTY.schema, batches))
    parquet = b"".join(FORMATS["parquet"].encode(EMPTY.schema, batches))
    for found in (
        pa.ipc.open_stream(arrow).read_all(),
        pa.parquet.read_table(io.BytesIO(parquet)),
    ):
        assert (found.schema, found.num_rows) == (EMPTY.schema, 0)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("application/*", "json"),
        ("text/*", "csv"),
        ("text/csv", "csv"),
        ("TEXT/CSV", "csv"),
        ("text/csv; header=present", "csv"),
        ("text/csv;header=present;q=0.9, application/json;q=0.1", "csv"),
        ("application/x-ndjson", "ndjson"),
        ("application/jsonl", "ndjson"),
        ("application/vnd.apache.arrow.stream", "arrow"),
        ("application/vnd.apache.parquet", "parquet"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
        ("text/csv;q=0.5, application/json;q=0.4", "csv"),
        ("text/csv;q=0.5, application/json", "json"),
        ("text/csv, application/json", "csv"),
        ("image/png, text/csv;q=0.001", "csv"),
        ("text/csv;q=0, */*", "json"),
        ("application/json;q=0, */*", "ndjson"),
        ("application/json;q=0, application/*;q=0.1", "ndjson"),
        ("text/csv;q=x, application/json;q=0.1", "json"),
        (", ,text/csv", "csv"),
    ],
)
def test_accept_chooses_the_form_that_is_liked_best(header: str, name: str) -> None:
    found = accepted(header)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "header",
    [
        *("image/png", "text/html", "application/json;q=0", "*/*;q=0", "text/csv;q=0, text/*"),
        *("application/xml", "json", ";", "text/csv;q=nan", "text/csv;q=-1"),
    ],
)
def test_accept_of_no_form_that_there_is_finds_none(header: str) -> None:
    assert accepted(header) is None


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0", "gzip"),
        ("gzip;q=0, zstd;q=0", None),
        ("gzip;q=0", None),
        ("gzip;q=x", None),
    ],
)
def test_accept_encoding_chooses_a_compression_or_none(header: str, name: str | None) -> None:
    assert accepted_encoding(header) == name


def _uncompressed(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_compression_whole_and_in_parts_comes_back(encoding: str) -> None:
    parts = [b"first ", b"", b"second " * 10_000, b"last"]
    body = b"".join(parts)
    assert _uncompressed(compressed(body, encoding), encoding) == body
    streamed = b"".join(compressing(iter(parts), encoding))
    assert _uncompressed(streamed, encoding) == body
    assert len(streamed) < len(body) / 10
    assert compressed(body, encoding) == compressed(body, encoding)
