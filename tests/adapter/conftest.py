"""dbt-labs' tests of adapters, on the mesh and with this project's macros."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

# The fixtures that the classes ask for by name.
from dbt.tests.fixtures.project import *  # noqa: F403

from malha.settings import ROOT
from tests import inprocess
from tests.mesh import Mesh

_PROJECT = yaml.safe_load((ROOT / "dbt_project/dbt_project.yml").read_text())
_ICEBERG = {"+file_format": "iceberg", "+tblproperties": {"write.wap.enabled": "true"}}


@pytest.fixture(scope="class", autouse=True)
def on_the_mesh(mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The mesh's variables, and a folder of the project's own to work in."""
    mesh.begin_empty()
    variables = mesh.variables | {"DBT_LOG_PATH": str(tmp_path_factory.mktemp("logs"))}
    with inprocess.environment(variables):
        for name in ("DBT_PROJECT_DIR", "DBT_TARGET_PATH", "DBT_PROFILES_DIR"):
            os.environ.pop(name, None)
        yield


@pytest.fixture(scope="class")
def logs_dir(  # type: ignore[no-redef]
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    return str(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="class")
def dbt_profile_target(  # type: ignore[no-redef]
    mesh: Mesh,
) -> dict[str, Any]:
    profile = yaml.safe_load((ROOT / "profiles.yml").read_text())
    target: dict[str, Any] = profile["malha"]["outputs"]["dev"]
    return target | {"host": mesh.settings.thrift_host, "port": mesh.settings.thrift_port}


@pytest.fixture(scope="class")
def dbt_project_yml(  # type: ignore[no-redef]
    project_root: Path, project_config_update: dict[str, Any]
) -> dict[str, Any]:
    """What a test declares, with the hooks and defaults of the mesh's own project."""
    declared: dict[str, Any] = {
        "name": "test",
        "profile": "test",
        "flags": {"send_anonymous_usage_stats": False},
        "macro-paths": ["macros", str(ROOT / "dbt_project/macros")],
    }
    if isinstance(project_config_update, str):
        project_config_update = yaml.safe_load(project_config_update)
    declared.update(project_config_update or {})
    declared["models"] = _ICEBERG | declared.get("models", {})
    declared["snapshots"] = _ICEBERG | {
        "+pre-hook": "{{ open_branch(this) }}",
        **declared.get("snapshots", {}),
    }
    for hook in ("on-run-start", "on-run-end"):
        declared[hook] = [*_PROJECT[hook], *declared.get(hook, [])]
    (Path(project_root) / "dbt_project.yml").write_text(yaml.safe_dump(declared))
    return declared
