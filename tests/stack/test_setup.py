"""`make setup` on machines that lack something, and on one that is up to date."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from malha.settings import ROOT


def setup(path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(path), "HOME": os.environ["HOME"]} | variables
    shell = shutil.which("sh")
    assert shell is not None
    return subprocess.run(
        [shell, str(ROOT / "stack/setup.sh")], env=environment, capture_output=True, text=True
    )


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PATH with the tools that every machine has, and neither Python nor Java."""
    for name in ("dirname", "sed", "sh"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    return tmp_path


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    return line


def test_missing_python_is_said_with_what_installs_it(path: Path) -> None:
    message = one_line(setup(path))
    assert "Python 3.11 to 3.13 is missing" in message
    assert "sudo apt install python3 python3-venv" in message
    assert "brew install python@3.13" in message


def test_old_python_is_said_with_its_version(path: Path) -> None:
    program(path, "python3", 'if [ "$1" = --version ]; then echo Python 3.9.2; else exit 1; fi')
    assert "(found: Python 3.9.2)" in one_line(setup(path))


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (None, "none"),
        ("echo 'openjdk version \"11.0.2\" 2019-01-15' >&2", "11"),
        ("echo 'java version \"1.8.0_402\"' >&2", "1"),
        ("echo 'Unable to locate a Java Runtime.' >&2; exit 1", "none"),
    ],
    ids=["missing", "11", "8", "the stub of macOS"],
)
def test_missing_or_old_java_is_said_with_what_installs_it(
    path: Path, script: str | None, found: str
) -> None:
    program(path, "python3", "exit 0")
    if script:
        program(path, "java", script)
    message = one_line(setup(path))
    assert f"Java 17 or later is missing (found: {found})" in message
    assert "sudo apt install openjdk-17-jre-headless" in message
    assert "brew install openjdk@21" in message


def test_second_setup_has_nothing_to_do() -> None:
    command = ["make", "--no-print-directory", "setup"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
