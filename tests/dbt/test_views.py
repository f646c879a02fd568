"""Views of the Iceberg catalog, which dbt-spark alone does not see."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from malha.settings import ROOT
from tests.mesh import Completed, Mesh, ok

_VIEW = "{{ config(materialized='view') }} select 1 as numero, 'a' as letra"
_TABLE = "{{ config(materialized='table') }} select 2 as numero, 'b' as letra"
_TYPE_IN_DBT = """
{% macro type_in_dbt(name) %}
    {% do print(adapter.get_relation(none, 'ouro', name).type ~ ' it is') %}
{% endmacro %}
"""

Dbt = Callable[..., Completed]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    copy = tmp_path / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", copy, ignore=shutil.ignore_patterns("target", "logs"))
    (copy / "macros/type_in_dbt.sql").write_text(_TYPE_IN_DBT)
    return copy


@pytest.fixture
def model(project: Path) -> Path:
    return project / "models/ouro/vendas/vista.sql"


@pytest.fixture
def dbt(mesh: Mesh, project: Path) -> Iterator[Dbt]:
    """dbt on the copy of the project."""
    paths = {"DBT_PROJECT_DIR": str(project), "DBT_TARGET_PATH": str(project / "target")}
    yield lambda *arguments: mesh.dbt(*arguments, **paths)
    if ("ouro", "vista", False) in mesh.query("show views in ouro"):
        mesh.query("drop view ouro.vista")
    mesh.query("drop table if exists ouro.vista purge")


def type_in_dbt(dbt: Dbt) -> str:
    return ok(dbt("run-operation", "type_in_dbt", "--args", "{name: vista}"))


def test_dbt_knows_a_view_as_a_view(dbt: Dbt, model: Path) -> None:
    model.write_text(_VIEW)
    ok(dbt("run", "--select", "vista"))
    assert "view it is" in type_in_dbt(dbt)


@pytest.mark.parametrize(("first", "second"), [(_VIEW, _TABLE), (_TABLE, _VIEW)])
def test_view_and_table_replace_each_other(
    mesh: Mesh, dbt: Dbt, model: Path, first: str, second: str
) -> None:
    model.write_text(first)
    ok(dbt("run", "--select", "vista"))
    model.write_text(second)
    ok(dbt("run", "--select", "vista"))
    assert mesh.query("select * from ouro.vista") == [(2, "b") if second == _TABLE else (1, "a")]
    assert ("view it is" if second == _VIEW else "table it is") in type_in_dbt(dbt)


def test_table_is_replaced_without_being_dropped(mesh: Mesh, dbt: Dbt, model: Path) -> None:
    model.write_text(_TABLE)
    ok(dbt("run", "--select", "vista"))
    ok(dbt("run", "--select", "vista"))
    assert len(mesh.query("select * from ouro.vista.snapshots")) == 2


def test_docs_have_a_view_with_its_columns(dbt: Dbt, model: Path, project: Path) -> None:
    model.write_text(_VIEW)
    ok(dbt("run", "--select", "vista"))
    ok(dbt("docs", "generate"))
    catalog = json.loads((project / "target/catalog.json").read_text())
    view = catalog["nodes"]["model.malha.vista"]
    assert view["metadata"]["type"] == "view"
    assert {name: column["type"] for name, column in view["columns"].items()} == {
        "numero": "int",
        "letra": "string",
    }
