"""Bytes that are not in the declared encoding are noticed, and none of them is lost."""

import gzip

import pytest

from tests.ingest.support import counts
from tests.mesh import Mesh, ok

HEADER = "cliente_id,nome,país\n"

GOOD = '1,José,Österreich\n2,"Íris, a ""Boa""",Perú\n3,\ufffd,Brasil\n'
"""The last has the letter that stands elsewhere for what could not be read."""

BAD = '4,João,Chile\n5,"Zoé, a ""Má""",Chile\n6,Ana,España\n'

SHORT_AND_BAD = "8,Inês\n"

ROWS = "select cliente_id, nome, _extra['país'], _corrupt from bronze.cliente order by 1"


@pytest.mark.parametrize("form", ["plain", "byte order mark", "gzip"])
def test_csv_line_that_is_not_utf8_is_corrupt_and_shown_letter_by_letter(
    empty: Mesh, form: str
) -> None:
    good = (HEADER + GOOD + "7,Sofía\n").encode(
        "utf-8-sig" if form == "byte order mark" else "utf-8"
    )
    body = good + (BAD + SHORT_AND_BAD).encode("latin-1")
    name, body = ("a.csv.gz", gzip.compress(body)) if form == "gzip" else ("a.csv", body)
    empty.put(f"clientes/cliente/{name}", body)
    result = empty.ingest("cliente")
    assert counts(ok(result), "cliente") == (1, 8, 5)
    assert empty.query(ROWS) == [
        ("1", "José", "Österreich", None),
        ("2", 'Íris, a "Boa"', "Perú", None),
        ("3", "\ufffd", "Brasil", None),
        ("4", None, "Chile", "4,João,Chile"),
        ("5", None, "Chile", '5,"Zoé, a ""Má""",Chile'),
        ("6", "Ana", None, "6,Ana,España"),
        ("7", "Sofía", None, "7,Sofía"),
        ("8", None, None, "8,Inês"),
    ]


def test_so_is_one_of_a_file_whose_fields_have_line_breaks_and_a_separator_of_two_bytes(
    empty: Mesh, extended: dict[str, str]
) -> None:
    for name, encoding in (("a.csv", "utf-8"), ("b.csv", "utf-8-sig")):
        body = 'nota_id§texto\n1§"olá,\nvocê"\n2§\ufffd\n'.encode(encoding)
        empty.put(f"notas/nota/{name}", body + b'3\xc2\xa7"ol\xe1,\nvoc\xea"\n')
    assert counts(ok(empty.ingest("nota", **extended)), "nota") == (2, 6, 2)
    rows = empty.query("select distinct nota_id, texto, _corrupt from bronze.nota order by 1")
    assert rows == [
        ("1", "olá,\nvocê", None),
        ("2", "\ufffd", None),
        ("3", None, '3Â§"olá,\nvocê"'),
    ]


def test_in_iso_8859_1_every_byte_is_a_letter(empty: Mesh, extended: dict[str, str]) -> None:
    empty.put("precos/preco/a.csv", "descrição;preco\n".encode("latin-1") + b"\xe9\x80\xff;1\n")
    assert counts(ok(empty.ingest("preco", **extended)), "preco") == (1, 1, 0)
    assert empty.query("select `descrição` from bronze.preco") == [("é\x80ÿ",)]
