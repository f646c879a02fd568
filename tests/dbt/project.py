"""A small dbt project on the mesh, written by somebody who knows dbt and nothing of the mesh."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from malha.settings import ROOT
from tests.mesh import Completed, Mesh, ok

_SOURCES = """
sources:
  - name: bronze
    schema: bronze
    tables:
      - name: venda
"""
_MADE = shutil.ignore_patterns("target", "logs")


@dataclass
class Project:
    """The mesh's configuration and macros, and the models of one test."""

    mesh: Mesh
    folder: Path

    @classmethod
    def make(cls, mesh: Mesh) -> "Project":
        """A project without models; in one folder for all tests, so that dbt parses macros once."""
        folder = mesh.folder / "project"
        for part in ("models", "snapshots", "seeds", "macros", "tests"):
            shutil.rmtree(folder / part, ignore_errors=True)
        for part in ("macros", "tests"):
            shutil.copytree(ROOT / "dbt_project" / part, folder / part)
        shutil.copy(ROOT / "dbt_project/dbt_project.yml", folder)
        return cls(mesh, folder)

    @classmethod
    def with_sales(cls, mesh: Mesh) -> "Project":
        """A project without models that has a source: `bronze.venda` (id, valor, dia), two rows."""
        project = cls.make(mesh)
        project.write("models/_sources.yml", _SOURCES)
        mesh.execute(
            "create table bronze.venda (id int, valor decimal(18,2), dia date) using iceberg",
            "insert into bronze.venda values (1, 10, date'2026-01-01'), (2, 20, date'2026-01-02')",
        )
        return project

    @classmethod
    def copy(cls, mesh: Mesh, folder: Path) -> "Project":
        """The mesh's own project, to be changed."""
        shutil.copytree(ROOT / "dbt_project", folder, ignore=_MADE, dirs_exist_ok=True)
        return cls(mesh, folder)

    def write(self, path: str, text: str) -> None:
        """Write a file of the project, such as `models/ouro/venda.sql`."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a file of the project."""
        text = (self.folder / path).read_text()
        assert old in text, path
        self.write(path, text.replace(old, new, 1))

    def remove(self, path: str) -> None:
        """Remove a file of the project."""
        (self.folder / path).unlink()

    @property
    def variables(self) -> dict[str, str]:
        """What makes dbt work on this project."""
        target = str(self.folder / "target")
        return {"DBT_PROJECT_DIR": str(self.folder), "DBT_TARGET_PATH": target}

    def dbt(self, *arguments: str) -> Completed:
        """Run dbt on it."""
        return self.mesh.dbt(*arguments, **self.variables)

    def build(self, *arguments: str) -> str:
        """Run `dbt build`, which must succeed; return what it printed."""
        return ok(self.dbt("build", *arguments))

    def rows(self, table: str = "ouro.produto") -> list[tuple[Any, ...]]:
        """What readers see of a table, in the order of its first columns."""
        found = self.mesh.query(f"select * from {table}")
        return sorted(found, key=repr)

    def branches(self, table: str = "ouro.produto") -> list[str]:
        """The branches of a table beside main."""
        found = self.mesh.query(f"select name from {table}.refs where name != 'main'")
        return [row[0] for row in found]

    def snapshots(self, table: str = "ouro.produto") -> int:
        return self.mesh.count(f"{table}.snapshots")
