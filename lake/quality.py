"""The quality report: what the last build checked, and what prata leaves out, and why."""

import io
import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.table import Table

from lake.session import Row, Session

_RULES = """
    select tabela, regra, resultado, falhas, verificada_em
    from ouro.qualidade_regra
    where invocation_id = (select max_by(invocation_id, finished_at) from malha.publications)
    order by tabela, resultado, regra
"""
_REJECTED = """
    select fonte, motivo, dia, arquivo, registros
    from ouro.qualidade_rejeicao
    order by fonte, motivo, dia, arquivo
"""


@dataclass(frozen=True)
class Quality:
    """What is known of the quality of the mesh."""

    rules: list[Row]
    """A row for each test of the last build: tabela, regra, resultado, falhas, verificada_em."""
    rejected: list[Row]
    """A row for each fonte, motivo, dia and arquivo, with the number of registros left out."""


def quality(session: Session) -> Quality:
    """Ask for the quality of the mesh.

    Raises:
        StatementError: nothing has been built yet.
        UnreachableError: the Thrift Server hung up.
    """
    return Quality(session.rows(_RULES), session.rows(_REJECTED))


def shown(found: Quality) -> RenderableType:
    """The report for people: rules by table, those that are broken by name, and rejections."""
    rules = Table("table", "passed", "warnings", "failed", "broken rules", title="rules")
    for column in rules.columns[1:4]:
        column.justify = "right"
    for table in dict.fromkeys(row["tabela"] for row in found.rules):
        of_table = [row for row in found.rules if row["tabela"] == table]
        results = [row["resultado"] for row in of_table]
        passed, warned = results.count("pass"), results.count("warn")
        broken = [
            f"{row['regra']} ({row['falhas']:,})" for row in of_table if row["resultado"] != "pass"
        ]
        counts = (passed, warned, len(results) - passed - warned)
        rules.add_row(table, *(f"{count:,}" for count in counts), "\n".join(broken))
    rejected = Table("source", "reason", "day", "file", "records", title="left out of prata")
    rejected.columns[-1].justify = "right"
    for row in found.rejected:
        numbers = f"{row['registros']:,}"
        rejected.add_row(row["fonte"], row["motivo"], str(row["dia"]), row["arquivo"], numbers)
    return Group(rules, rejected if found.rejected else "nothing is left out of prata")


def write(found: Quality, folder: Path) -> list[Path]:
    """Write quality.json and quality.html to a folder; return their paths."""
    page = Console(record=True, width=160, file=io.StringIO())
    page.print(shown(found))
    page.save_html(str(folder / "quality.html"))
    rows = {"rules": found.rules, "rejected": found.rejected}
    (folder / "quality.json").write_text(json.dumps(rows, default=str, indent=1))
    return [folder / f"quality.{kind}" for kind in ("html", "json")]
