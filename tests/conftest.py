"""What the tests share; `tests/mesh.py` has the stack that integration tests run on."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from malha.settings import ROOT
from tests.mesh import Mesh, own_environment


@pytest.fixture(scope="session")
def parsed_manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The project's manifest as dbt writes it; parsing needs no service."""
    target = tmp_path_factory.mktemp("target")
    subprocess.run(
        [f"{sys.prefix}/bin/dbt", "--quiet", "parse", "--target-path", str(target)],
        cwd=ROOT,
        check=True,
    )
    manifest: dict[str, Any] = json.loads((target / "manifest.json").read_text())
    return manifest


@pytest.fixture(scope="session")
def mesh() -> Iterator[Mesh]:
    """A stack of the tests' own: other ports, another folder, other credentials."""
    # Tests that watch what readers see ask more often than people do.
    environment = own_environment() | {"API_RATE_LIMIT": "60000"}
    before = dict(os.environ)
    os.environ.update(environment)
    mesh = Mesh(Path(environment["STACK_DIR"]))
    try:
        mesh.up()
        yield mesh
    finally:
        mesh.stack("clean")
        shutil.rmtree(mesh.folder, ignore_errors=True)
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def fresh(mesh: Mesh) -> Mesh:
    """The stack without tables, landed files or checkpoints; once a module."""
    mesh.forget_everything()
    return mesh


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "mesh" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.integration)
