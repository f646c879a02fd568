"""Views of the Iceberg catalog, which dbt-spark alone does not see."""

import json

import pytest

from tests.dbt.project import Project
from tests.mesh import ok

_VIEW = "{{ config(materialized='view') }} select 1 as numero, 'a' as letra"
_TABLE = "{{ config(materialized='table') }} select 2 as numero, 'b' as letra"
_TYPE_IN_DBT = """
{% macro type_in_dbt(name) %}
    {% do print(adapter.get_relation(none, 'ouro', name).type ~ ' it is') %}
{% endmacro %}
"""


@pytest.fixture
def project(project: Project) -> Project:
    project.write("macros/type_in_dbt.sql", _TYPE_IN_DBT)
    project.write("models/ouro/vista.sql", _VIEW)
    ok(project.dbt("run", "--select", "vista"))
    return project


def type_in_dbt(project: Project) -> str:
    return ok(project.dbt("run-operation", "type_in_dbt", "--args", "{name: vista}"))


def test_dbt_knows_a_view_as_a_view(project: Project) -> None:
    assert "view it is" in type_in_dbt(project)


def test_view_and_table_replace_each_other(project: Project) -> None:
    project.write("models/ouro/vista.sql", _TABLE)
    ok(project.dbt("run", "--select", "vista"))
    assert project.rows("ouro.vista") == [(2, "b")]
    assert "table it is" in type_in_dbt(project)
    project.write("models/ouro/vista.sql", _VIEW)
    ok(project.dbt("run", "--select", "vista", "--full-refresh"))
    assert project.rows("ouro.vista") == [(1, "a")]
    assert "view it is" in type_in_dbt(project)


def test_docs_have_a_view_with_its_columns(project: Project) -> None:
    ok(project.dbt("docs", "generate"))
    catalog = json.loads((project.folder / "target/catalog.json").read_text())
    view = catalog["nodes"]["model.malha.vista"]
    assert view["metadata"]["type"] == "view"
    assert {name: column["type"] for name, column in view["columns"].items()} == {
        "numero": "int",
        "letra": "string",
    }
