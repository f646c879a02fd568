"""dbt's project, and whether its manifest says what the files say."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from malha.console import say_warning
from malha.errors import ManifestError
from malha.settings import ROOT, Settings, child_environment

_FOLDERS = ("models", "macros", "snapshots", "tests")


def ensure_manifest(settings: Settings, warn: Callable[[str], None] = say_warning) -> None:
    """Let dbt write its manifest where it is missing or older than the project.

    Where dbt or the project is not there, as in an image that has the manifest alone, the manifest
    is taken as it is; of one that is known to be older, a warning is given.

    Raises:
        ManifestError: dbt refuses the project.
    """
    project = Path(os.environ.get("DBT_PROJECT_DIR") or ROOT / "dbt_project")
    newer = _newer(project, settings.manifest_path)
    if newer is None:
        return
    dbt = Path(sys.prefix) / "bin/dbt"
    if not dbt.exists():
        if settings.manifest_path.exists():
            warn(
                f"{newer} is newer than {settings.manifest_path}, and dbt is not installed here: "
                "what it declares since is not known. Run `dbt parse` where dbt is"
            )
        return
    result = subprocess.run(
        [str(dbt), "--quiet", "parse", "--target-path", str(settings.dbt_target_path)],
        cwd=ROOT,
        env={
            "DBT_PROFILES_DIR": str(ROOT),
            **child_environment(settings),
            "DBT_PROJECT_DIR": str(project),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode:
        raise ManifestError(f"dbt cannot read the project:\n{result.stdout.strip()}")


def _newer(project: Path, manifest: Path) -> Path | None:
    """A file of the project that is newer than the manifest, if any; the project, without one."""
    if not (project / "dbt_project.yml").exists():
        return None
    if not manifest.exists():
        return project
    written = manifest.stat().st_mtime
    return next((path for path in _files(project) if path.stat().st_mtime > written), None)


def _files(project: Path) -> Iterator[Path]:
    """What a manifest is made from; a folder is newer than what was removed from it."""
    yield from filter(Path.exists, [ROOT / "profiles.yml", project / "dbt_project.yml"])
    for name in _FOLDERS:
        if (project / name).exists():
            yield from (project / name, *(project / name).rglob("*"))
