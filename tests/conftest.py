"""What the tests share; `tests/mesh.py` has the stack that integration tests run on."""

import fcntl
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from malha.settings import ROOT
from tests import inprocess, warm
from tests.mesh import Completed, Mesh, ok


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What dbt writes when it parses the project, which needs no service: parsed once a run,
    whichever of its processes comes first."""
    target = tmp_path_factory.mktemp("target")
    if "PYTEST_XDIST_WORKER" in os.environ:
        target = tmp_path_factory.getbasetemp().parent / "target"
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / "manifest.json").exists():
            ok(run_parse(ROOT / "dbt_project", target))
    return target


@pytest.fixture(scope="session")
def parsed_manifest(parsed: Path) -> dict[str, Any]:
    """The project's manifest as dbt writes it."""
    return _manifest(parsed)


def parse(project: Path, target: Path) -> dict[str, Any]:
    """The manifest of a project."""
    ok(run_parse(project, target))
    return _manifest(target)


def run_parse(project: Path, target: Path) -> Completed:
    """Have dbt parse a project; what it finds in the target is of the last time."""
    arguments = ["--no-use-colors", "--quiet", "parse"]
    paths = ["--project-dir", str(project), "--target-path", str(target)]
    variables = {"DBT_PROFILES_DIR": str(ROOT), "DBT_LOG_PATH": str(target)}
    return inprocess.call(inprocess.dbt, [*arguments, *paths], variables, name="dbt")


def _manifest(target: Path) -> dict[str, Any]:
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


_seconds: defaultdict[str, float] = defaultdict(float)
_tests: Counter[str] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    area = "/".join(report.nodeid.split("::")[0].split("/")[:2])
    _seconds[area] += report.duration
    _tests[area] += report.when == "call"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show where the time went; fixtures count for the test that first needed them."""
    if sum(_seconds.values()) < 10:
        return
    terminalreporter.section("seconds by area")
    for area, seconds in sorted(_seconds.items(), key=lambda one: -one[1]):
        terminalreporter.write_line(f"{seconds:8.1f} s  {_tests[area]:5} tests  {area}")
