"""The stack of the tests: a new one for each run, or, with TEST_STACK=keep, one that stays.

A kept stack is found again by the checkout's folder. It is made anew where what it consists of has
changed since, and the states of the lake that were kept with it are used where what made them is
the same.
"""

import hashlib
import json
import os
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from malha.settings import ROOT
from tests.mesh import Mesh, ok, own_environment

KEEP = os.environ.get("TEST_STACK") == "keep"

# Tests that watch what readers see ask more often than people do.
_SETTINGS = {"API_RATE_LIMIT": "60000"}


def kept_folder() -> Path:
    """Where the stack of this checkout's tests stays."""
    name = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"malha-test-{name}"


@contextmanager
def mesh() -> Iterator[Mesh]:
    """The stack, up."""
    with _kept() if KEEP else _new() as found:
        yield found


@contextmanager
def _new() -> Iterator[Mesh]:
    mesh = Mesh(own_environment() | _SETTINGS)
    try:
        mesh.up()
        yield mesh
    finally:
        mesh.close()
        mesh.stack("clean")
        shutil.rmtree(mesh.folder, ignore_errors=True)


@contextmanager
def _kept() -> Iterator[Mesh]:
    folder = kept_folder()
    made_of = {
        "services": _fingerprint("stack", "thrift", "requirements"),
        "api": _fingerprint("api", "malha"),
        "states": _fingerprint("ingest", "dbt_project", "data/samples", "profiles.yml", "malha"),
    }
    before = _read(folder / "made-of.json")
    mesh = Mesh(_read(folder / "variables.json") or {"STACK_DIR": str(folder)})
    if before.get("services") != made_of["services"]:
        ok(mesh.stack("clean"))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        mesh = Mesh(own_environment(folder) | _SETTINGS)
        (folder / "variables.json").write_text(json.dumps(mesh.variables))
    mesh.up()
    if before.get("api") != made_of["api"]:
        ok(mesh.stack("restart", "api"))
    stored = folder / f"states-{made_of['states']}.pickle"
    if stored.exists():
        mesh.kept = pickle.loads(stored.read_bytes())  # noqa: S301 - an earlier run's own
    (folder / "made-of.json").write_text(json.dumps(made_of))
    mesh.begin_empty()
    try:
        yield mesh
    finally:
        mesh.close()
        stored.write_bytes(pickle.dumps(mesh.kept))


def stop() -> None:
    """Stop the kept stack and remove all of it."""
    folder = kept_folder()
    if variables := _read(folder / "variables.json"):
        ok(Mesh(variables).stack("clean"))
    shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path) -> dict[str, str]:
    return json.loads(path.read_text()) if path.exists() else {}


def _fingerprint(*parts: str) -> str:
    """A sum of all files of these parts of the repository that are written by hand."""
    digest = hashlib.sha256()
    for part in parts:
        for path in sorted([ROOT / part, *(ROOT / part).rglob("*")]):
            made = {"target", "logs", "__pycache__"} & set(path.relative_to(ROOT).parts)
            if path.is_file() and not made:
                digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    stop()
