"""When dbt's manifest is written anew, and what is said where it cannot be."""

import os
import sys
from pathlib import Path

import pytest

from malha.errors import ManifestError
from malha.project import ensure_manifest
from malha.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a project with a manifest of now, and a dbt that notes that it was called."""
    project, target = tmp_path / "dbt_project", tmp_path / "target"
    (project / "models/vendas").mkdir(parents=True)
    (project / "dbt_project.yml").touch()
    (project / "models/vendas/_sources.yml").touch()
    for path in (project, *project.rglob("*")):
        os.utime(path, (1000, 1000))
    target.mkdir()
    (target / "manifest.json").touch()
    dbt = tmp_path / "bin/dbt"
    dbt.parent.mkdir()
    dbt.write_text(f'#!/bin/sh\necho "$@" > {target}/called\n')
    dbt.chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("DBT_PROJECT_DIR", str(project))
    return Settings(dbt_target_path=target)


def called(settings: Settings) -> bool:
    return (settings.dbt_target_path / "called").exists()


def later(path: Path) -> None:
    """Change a file after the manifest."""
    path.touch()
    os.utime(path, (4_000_000_000, 4_000_000_000))


def test_manifest_newer_than_all_files_stays(settings: Settings) -> None:
    ensure_manifest(settings)
    assert not called(settings)


@pytest.mark.parametrize("file", ["models/vendas/_sources.yml", "models/vendas", "dbt_project.yml"])
def test_newer_file_or_folder_has_it_written_again(
    settings: Settings, tmp_path: Path, file: str
) -> None:
    later(tmp_path / "dbt_project" / file)
    ensure_manifest(settings)
    assert called(settings)


def test_missing_manifest_is_written(settings: Settings) -> None:
    settings.manifest_path.unlink()
    ensure_manifest(settings)
    assert called(settings)


def test_what_dbt_refuses_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "bin/dbt").write_text("#!/bin/sh\necho 'no such column'; exit 2\n")
    settings.manifest_path.unlink()
    with pytest.raises(ManifestError, match="dbt cannot read the project:\nno such column"):
        ensure_manifest(settings)


def test_without_dbt_an_older_manifest_is_used_with_a_warning(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "bin/dbt").unlink()
    changed = tmp_path / "dbt_project/models/vendas/_sources.yml"
    later(changed)
    warned: list[str] = []
    ensure_manifest(settings, warn=warned.append)
    assert len(warned) == 1
    assert (
        f"{changed} is newer than {settings.manifest_path}, and dbt is not installed" in warned[0]
    )


def test_without_a_project_the_manifest_is_taken_as_it_is(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "dbt_project/dbt_project.yml").unlink()
    (tmp_path / "bin/dbt").unlink()
    ensure_manifest(settings)
