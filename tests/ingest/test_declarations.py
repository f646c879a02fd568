"""What a source can declare of its files, and columns that it does not declare."""

import gzip

import pytest

from tests.mesh import Mesh, ok

PRECOS = """descrição;preco
"pão; francês";1.234,56
café;1234,5
chá;"7"
água;grátis
"duas
linhas";-0,10
mel;1.5
uva;1.000
"""

VISITAS = """{"visita_id": 1, "valor": 10.50, "canal": "app", "itens": [{"a": 1}]}

[{"visita_id": 2}, {"visita_id": 3, "nota": null, "canal": null}]
{"visita_id": 4
{"visita_id": 5, "canal": "loja"}
"""


@pytest.fixture(scope="module")
def shown(fresh: Mesh, extended: dict[str, str]) -> str:
    """What one run says that ingests all of the above."""
    fresh.put("precos/preco/a.csv", PRECOS.encode("iso-8859-1"))
    fresh.put("precos/preco/b.csv.gz", gzip.compress("preco;descrição\n2,5;pó\n".encode("latin-1")))
    fresh.put("visitas/visita/a.jsonl", VISITAS)
    fresh.put("visitas/visita/b.jsonl.gz", gzip.compress(b'\xef\xbb\xbf{"visita_id": 6}\n'))
    fresh.put("visitas/visita/[c] {d}.jsonl", '{"visita_id": 7}\n')
    fresh.put("clientes/cliente/a.csv", "cliente_id,nome\n1,José\n".encode("utf-8-sig"))
    header = "Nome,_corrupt,cliente_id,nome,_batch_id,idade\n"
    fresh.put("clientes/cliente/b.csv", f"{header}N,c,2,Ana,b,\nN,c,3,Eva\n")
    result = fresh.ingest("preco", "visita", "cliente", **extended)
    ok(result)
    return result.stderr


@pytest.mark.usefixtures("shown")
def test_separator_encoding_line_breaks_gzip_and_decimal_commas_are_as_declared(
    fresh: Mesh,
) -> None:
    rows = fresh.query("select `descrição`, preco from bronze.preco where _corrupt is null")
    assert sorted(rows) == [
        ("café", "1234.5"),
        ("chá", "7"),
        ("duas\nlinhas", "-0.10"),
        ("mel", "1.5"),  # not a number with a decimal comma: as delivered
        ("pão; francês", "1234.56"),
        ("pó", "2.5"),
        ("uva", "1000"),
        ("água", "grátis"),
    ]
    assert fresh.count("bronze.preco") == 8


def test_undeclared_keys_of_json_are_kept_and_warned_of(fresh: Mesh, shown: str) -> None:
    columns = "visita_id, valor, map_entries(_extra) as extra, _corrupt"
    query = f"select to_json(struct({columns})) from bronze.visita order by visita_id"
    assert [row[0] for row in fresh.query(query)] == [
        '{"_corrupt":"{\\"visita_id\\": 4"}',
        '{"visita_id":"1","valor":"10.50","extra":'
        '[{"key":"canal","value":"app"},{"key":"itens","value":"[{\\"a\\": 1}]"}]}',
        '{"visita_id":"2"}',
        '{"visita_id":"3"}',
        '{"visita_id":"5","extra":[{"key":"canal","value":"loja"}]}',
        '{"visita_id":"6"}',
        '{"visita_id":"7"}',
    ]
    assert "source visita does not declare canal, itens, nota: kept in the map _extra" in shown


def test_undeclared_columns_of_csv_are_kept_whatever_they_are_called(
    fresh: Mesh, shown: str
) -> None:
    columns = "nome, _extra['Nome'], _extra['_corrupt'], _extra['_batch_id'], _extra['idade']"
    query = f"select {columns}, size(_extra), _corrupt from bronze.cliente order by cliente_id"
    assert fresh.query(query) == [
        ("José", None, None, None, None, None, None),
        ("Ana", "N", "c", "b", None, 3, None),
        ("Eva", "N", "c", None, None, 2, "N,c,3,Eva"),
    ]
    assert "source cliente does not declare Nome, _batch_id, _corrupt, idade" in shown
