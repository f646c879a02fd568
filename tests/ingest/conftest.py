"""Sources that the project itself does not have: formats, options, and one without a delivery."""

import pytest

from tests.ingest.support import project_with

SOURCES = """
sources:
  - name: bronze
    schema: bronze
    tables:
      - name: visita
        config: {meta: {landing: {path: visitas/visita, format: json}}}
        columns: &visita
          - {name: visita_id, data_type: string}
          - {name: valor, data_type: string}
          - {name: tags, data_type: string}
      - name: estoque
        config: {meta: {landing: {path: estoques/estoque, format: parquet}}}
        columns: *visita
      - name: vazia
        config: {meta: {landing: {path: nada/vazia, format: csv}}}
        columns: *visita
      - name: nota
        config: {meta: {landing: {path: notas/nota, format: csv, separator: §, multiline: true}}}
        columns:
          - {name: nota_id, data_type: string}
          - {name: texto, data_type: string}
      - name: preco
        config:
          meta:
            landing:
              path: precos/preco
              format: csv
              separator: ";"
              encoding: iso-8859-1
              multiline: true
              decimal_comma: [preco]
        columns:
          - {name: descrição, data_type: string}
          - {name: preco, data_type: string}
"""


@pytest.fixture(scope="session")
def extended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables under which the mesh has the extra sources too."""
    return project_with(SOURCES, tmp_path_factory.mktemp("project"))
