"""What the tests of the ingest share."""

import re
import shutil
from pathlib import Path

from malha.settings import ROOT
from tests.conftest import parse


def counts(shown: str, source: str) -> tuple[int, ...]:
    """Files, rows and corrupt rows that the closing table has for a source."""
    found = re.search(rf"│ {source} +│ +([\d,]+) │ +([\d,]+) │ +([\d,]+) │", shown)
    assert found is not None, shown
    return tuple(int(number.replace(",", "")) for number in found.groups())


def project_with(sources: str, folder: Path) -> dict[str, str]:
    """Copy the project to a folder, with more sources; the variables under which it is used."""
    project = folder / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    (project / "models/_extra__sources.yml").write_text(sources)
    parse(project, project / "target")
    return {"DBT_PROJECT_DIR": str(project), "DBT_TARGET_PATH": str(project / "target")}
