"""Fixtures of the tests of dbt's project."""

import pytest

from tests.dbt.project import Project
from tests.mesh import Mesh


@pytest.fixture
def project(empty: Mesh) -> Project:
    """A small project on an empty mesh, with a table `bronze.venda` that it reads as a source."""
    return Project.with_sales(empty)
