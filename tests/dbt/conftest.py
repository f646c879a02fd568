"""Fixtures of the tests of dbt's project."""

import pytest

from tests.dbt.project import Project
from tests.mesh import Mesh


@pytest.fixture
def project(empty: Mesh) -> Project:
    """A small project on an empty mesh, with a table `bronze.venda` that it reads as a source."""
    project = Project.make(empty)
    project.write("models/_sources.yml", SOURCES)
    empty.execute(
        "create table bronze.venda (id int, valor decimal(18,2), dia date) using iceberg",
        "insert into bronze.venda values (1, 10, date'2026-01-01'), (2, 20, date'2026-01-02')",
    )
    return project


SOURCES = """
sources:
  - name: bronze
    schema: bronze
    tables:
      - name: venda
"""
