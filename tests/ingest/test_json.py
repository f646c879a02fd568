"""JSON lines: what is a row, what is corrupt; Python's json says which lines are JSON."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from ingest import readers
from malha.manifest import Landing, Source
from tests.ingest.support import counts
from tests.mesh import Mesh, ok

VISITA = Source(
    name="visita",
    schema_name="bronze",
    table="visita",
    landing=Landing(path="visitas/visita", format="json"),
    columns=("a", "b"),
)

CORRUPT = [
    '{"visita_id": 1} {"visita_id": 2}',
    '{"visita_id": 1}{"visita_id": 2}',
    '{"visita_id": 1}, {"visita_id": 2}',
    '{"visita_id": 1}}',
    '{"visita_id": 1}]',
    '{"visita_id": 1},',
    '{"visita_id": 1} x',
    '{"visita_id": 1}\u00a0',
    '{"visita_id": {"b": {}}}}',
    '[{"visita_id": 1}] {"visita_id": 2}',
    '[{"visita_id": 1}]]',
    '[{"visita_id": 1}], [{"visita_id": 2}]',
    '{"visita_id": 1',
    '{"visita_id": 1}], "S": ["',
]

VALID = [
    '{"visita_id": 11, "valor": 1.50, "tags": {"b": {"c": [1, {}]}}}',
    '{"visita_id": 12, "tags": "} {\\"visita_id\\": 2}"}',
    '{"visita_id": 13, "tags": "]}]", "}{": "{"}',
    '  {"visita_id": 14}  \t ',
    '[{"visita_id": 15}, {"visita_id": 16}]',
    '{"visita_id": 17}',
    '{"visita_id": 18, "tags": "\ufffd"}',
]


@pytest.mark.parametrize("form", ["lines", "carriage returns", "byte order mark", "gzip"])
def test_line_with_more_than_its_first_value_is_corrupt_and_kept_whole(
    empty: Mesh, extended: dict[str, str], form: str
) -> None:
    end = "\r\n" if form == "carriage returns" else "\n"
    body = "".join(line + end for line in [*VALID, "", *CORRUPT])
    data = body.encode("utf-8-sig" if form == "byte order mark" else "utf-8")
    name, data = ("a.jsonl.gz", gzip.compress(data)) if form == "gzip" else ("a.jsonl", data)
    empty.put(f"visitas/visita/{name}", data)
    # Beside it, a file that has nothing of the kind.
    empty.put("visitas/visita/b.jsonl", '{"visita_id": 19, "valor": 2.50}\n')
    rows = len(VALID) + 1 + len(CORRUPT)
    shown = ok(empty.ingest("visita", **extended))
    assert counts(shown, "visita") == (2, rows + 1, len(CORRUPT))
    query = "select _corrupt from bronze.visita where _corrupt is not null"
    assert sorted(row[0] for row in empty.query(query)) == sorted(CORRUPT)
    query = (
        "select visita_id, valor, tags, substring_index(_source_file, '/', -1) "
        "from bronze.visita where _corrupt is null order by visita_id"
    )
    assert empty.query(query) == [
        ("11", "1.50", '{"b": {"c": [1, {}]}}', name),
        ("12", None, '} {"visita_id": 2}', name),
        ("13", None, "]}]", name),
        *((str(number), None, None, name) for number in range(14, 18)),
        ("18", None, "\ufffd", name),
        ("19", "2.50", None, "b.jsonl"),
    ]
    bare = empty.count("bronze.visita where _corrupt is not null and visita_id is not null")
    assert bare == 0
    assert not empty.files(f"{empty.settings.checkpoint_uri}/visita/scratch/")


def test_one_such_line_in_a_file_is_enough(empty: Mesh, extended: dict[str, str]) -> None:
    for number, text in enumerate([*CORRUPT, *VALID]):
        empty.put(f"visitas/visita/{number}.jsonl", text + "\n")
    files = len(CORRUPT) + len(VALID)
    shown = ok(empty.ingest("visita", **extended))
    assert counts(shown, "visita") == (files, files + 1, len(CORRUPT))
    query = "select _corrupt from bronze.visita where _corrupt is not null"
    assert sorted(row[0] for row in empty.query(query)) == sorted(CORRUPT)


@pytest.mark.parametrize("lines", [CORRUPT, VALID])
def test_bytes_that_are_not_utf8_make_a_line_corrupt(
    empty: Mesh, extended: dict[str, str], lines: list[str]
) -> None:
    latin = '{"visita_id": 20, "tags": "José", "n": {"é": 1}}'
    body = "\n".join([*lines, ""]).encode() + latin.encode("latin-1") + b"\n"
    empty.put("visitas/visita/a.jsonl", body)
    ok(empty.ingest("visita", **extended))
    query = "select visita_id, tags, _extra from bronze.visita where _corrupt like '%Jos%'"
    assert empty.query(query) == [(None, None, None)]
    # As if it were ISO-8859-1: each byte is one letter, so none is lost.
    query = "select _corrupt from bronze.visita where _corrupt like '%Jos%'"
    assert empty.query(query) == [(latin,)]
    assert empty.count("bronze.visita where concat(_corrupt, tags) like '%\ufffd%'") == 0


KEYS = st.sampled_from(["a", "b", "}", "{x", "y]"])
TEXT = st.text(st.sampled_from('{}[]",: \\aé\ufffd'), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=3)
JUNK = st.just("") | st.text(st.sampled_from('{}[]",: \t1ax'), max_size=5)


@st.composite
def line(draw: st.DrawFn) -> str:
    """An object or an array, mostly with something before or after it."""
    value = draw(OBJECTS | st.lists(OBJECTS, max_size=3) | VALUES)
    text = json.dumps(value, ensure_ascii=False)
    if draw(st.booleans()):
        text += draw(st.sampled_from(["", " ", ", "])) + json.dumps(draw(OBJECTS))
    return draw(JUNK) * draw(st.integers(0, 1)) + text + draw(JUNK)


def objects(text: str) -> list[dict[str, Any]] | None:
    """The objects of a line; None where it is corrupt."""
    if not text.strip(" \t"):
        return []
    try:
        value = json.loads(text)
    except ValueError:
        return None
    found = value if isinstance(value, list) else [value]
    return found if all(isinstance(one, dict) for one in found) else None


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=st.lists(line(), min_size=30, max_size=80))
@example(lines=[*CORRUPT, *VALID])
@example(lines=["{}", "[]", "[{}]", "[null]", "null", "5", '"a"', "[[]]", "[1]", "{} {}", "[] []"])
def test_lines_are_rows_where_python_reads_objects_and_corrupt_where_it_does_not(
    empty: Mesh, lines: list[str]
) -> None:
    empty.ingest("--list")  # starts Spark
    spark = SparkSession.getActiveSession()
    assert spark is not None
    uri = "s3a://landing/visitas/visita/a.jsonl"
    empty.put("visitas/visita/a.jsonl", "\n".join([*lines, '{"a": "last"}']) + "\n")
    found = readers.read(spark, VISITA, [uri], empty.settings)[0].collect()
    good = [(row["a"], row["b"]) for row in found if row["_corrupt"] is None]
    corrupt = sorted(row["_corrupt"] for row in found if row["_corrupt"] is not None)
    expected = [(text, objects(text)) for text in lines]
    assert corrupt == sorted(text for text, value in expected if value is None)
    wanted = [(one.get("a"), one.get("b")) for _, value in expected for one in value or []]

    def in_bronze(value: object) -> str | None:
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False)

    rows = [tuple(map(in_bronze, row)) for row in [*wanted, ("last", None)]]
    assert sorted(good, key=repr) == sorted(rows, key=repr)
