from pathlib import Path

import pytest

from ingest.errors import DeliveryError
from ingest.landing import Delivery, check_columns, csv_headers, parse_header
from malha.manifest import Landing, Source
from malha.settings import Settings

CLIENTE = Source(
    name="cliente",
    schema_name="bronze",
    table="cliente",
    landing=Landing(path="clientes/cliente", format="csv"),
    columns=("cliente_id", "nome"),
)


@pytest.mark.parametrize(
    ("start", "columns"),
    [
        (b"cliente_id,nome\n1,Alice\n", ("cliente_id", "nome")),
        (b"cliente_id,nome", ("cliente_id", "nome")),
        (b"cliente_id,nome\r\n1,Alice\r\n", ("cliente_id", "nome")),
        (b"\xef\xbb\xbfcliente_id,nome\n", ("cliente_id", "nome")),
        (b' cliente_id ,"nome"\n', ("cliente_id", "nome")),
        ("código,descrição\n".encode(), ("código", "descrição")),
    ],
)
def test_header_is_read(start: bytes, columns: tuple[str, ...]) -> None:
    assert parse_header(start, CLIENTE.landing) == columns


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"", "it has no header line"),
        (b"\n1,Alice\n", "it has no header line"),
        (b" , \n", "it has no header line"),
        (b"nome,nome\n", "names nome more than once"),
        ("código\n".encode("latin-1"), "is not CSV in UTF-8"),
        (b"cliente_id,nome\r1,Alice\r2,Bob", "is not CSV in UTF-8"),
    ],
)
def test_bad_header_is_refused_with_the_file_named(
    tmp_path: Path, start: bytes, message: str
) -> None:
    good, bad, lacking = (tmp_path / name for name in ("good.csv", "bad.csv", "lacking.csv"))
    good.write_bytes(b"cliente_id,nome\n")
    bad.write_bytes(start)
    lacking.write_bytes(b"nome,idade\n")
    uris = [f"file://{path}" for path in (good, bad)]
    with pytest.raises(DeliveryError, match=rf"/bad\.csv: .*{message}") as refused:
        csv_headers(CLIENTE, uris, Settings())
    assert list(refused.value.problems) == uris[1:]
    with pytest.raises(DeliveryError, match=r"1 more cannot be accepted: \S+/lacking\.csv"):
        csv_headers(CLIENTE, [*uris, f"file://{lacking}"], Settings())


@pytest.mark.parametrize(
    ("start", "options"),
    [
        (b"c\xf3digo;pre\xe7o\r\n1;2\r\n", {"separator": ";", "encoding": "iso-8859-1"}),
        ("código;preço\n1;2\n".encode(), {"separator": ";"}),
        ("código\tpreço\n1\t2\n".encode("utf-8-sig"), {"separator": "\t"}),
    ],
)
def test_header_is_read_as_the_source_declares(start: bytes, options: dict[str, str]) -> None:
    landing = Landing.model_validate({"path": "a/b", "format": "csv"} | options)
    assert parse_header(start, landing) == ("código", "preço")


def test_wrong_separator_is_hinted_at() -> None:
    with pytest.raises(DeliveryError, match="The declared separator is ','"):
        check_columns(CLIENTE, [Delivery("x.csv", ("cliente_id;nome",))])


def test_missing_column_is_named_with_file_and_source() -> None:
    deliveries = [Delivery("good.csv", ("nome", "cliente_id")), Delivery("bad.csv", ("nome",))]
    with pytest.raises(DeliveryError, match=r"bad\.csv: it lacks cliente_id, .* source cliente"):
        check_columns(CLIENTE, deliveries)


def test_undeclared_columns_are_reported() -> None:
    delivery = Delivery("x.csv", ("cliente_id", "idade", "nome"))
    assert check_columns(CLIENTE, [delivery]) == {"idade"}
