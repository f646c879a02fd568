"""What the tests share; `tests/mesh.py` has the stack that integration tests run on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from malha.settings import ROOT
from tests import inprocess, warm
from tests.mesh import Mesh, ok


@pytest.fixture(scope="session")
def parsed_manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The project's manifest as dbt writes it; parsing needs no service."""
    return parse(ROOT / "dbt_project", tmp_path_factory.mktemp("target"))


def parse(project: Path, target: Path) -> dict[str, Any]:
    """The manifest of a project."""
    arguments = ["--quiet", "parse", "--project-dir", str(project), "--target-path", str(target)]
    variables = {"DBT_PROFILES_DIR": str(ROOT), "DBT_LOG_PATH": str(target)}
    ok(inprocess.call(inprocess.dbt, arguments, variables, name="dbt"))
    manifest: dict[str, Any] = json.loads((target / "manifest.json").read_text())
    return manifest


@pytest.fixture(scope="session")
def mesh() -> Iterator[Mesh]:
    """A stack of the tests' own: other ports, another folder, other credentials."""
    with warm.mesh() as mesh:
        yield mesh


@pytest.fixture
def empty(mesh: Mesh) -> Mesh:
    """The stack without tables, landed files or checkpoints."""
    mesh.begin_empty()
    return mesh


@pytest.fixture
def ingested(mesh: Mesh) -> Mesh:
    """The stack with the smallest case in bronze and nothing built."""
    mesh.begin_ingested()
    return mesh


@pytest.fixture
def built(mesh: Mesh) -> Mesh:
    """The stack with the smallest case built and published."""
    mesh.begin_built()
    return mesh


@pytest.fixture(scope="module")
def fresh(mesh: Mesh) -> Mesh:
    """The stack without tables, landed files or checkpoints; once a module."""
    mesh.begin_empty()
    return mesh


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "mesh" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.integration)
