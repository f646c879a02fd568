"""What `malha-ingest` prints: tables for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from ingest.files import LandedFile
from ingest.landing import landing_uri
from ingest.outcomes import Results
from malha.console import Console, say_note, say_warning
from malha.manifest import Source
from malha.settings import Settings

if TYPE_CHECKING:  # what needs Spark is imported where Spark is needed
    from ingest.checking import Checked

console = Console()


def print_json(value: object) -> None:
    """Print a value for programs."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def show_sources(sources: Sequence[Source], settings: Settings, *, as_json: bool) -> None:
    """Print which sources there are, and where their files land."""
    if as_json:
        print_json(
            [
                {
                    "source": source.name,
                    "table": f"{source.schema_name}.{source.table}",
                    "landing": landing_uri(source, settings),
                    "declared": source.landing.model_dump(exclude_defaults=True),
                    "columns": source.columns,
                }
                for source in sources
            ]
        )
        return
    table = Table("source", "format", "landing", "columns")
    for source in sources:
        uri = landing_uri(source, settings)
        table.add_row(source.name, source.landing.format, uri, ", ".join(source.columns))
    console.print(table)


def show_results(title: str, results: Results, idle: Sequence[str], *, as_json: bool) -> None:
    """Print what was done, and warn of what is to be known of it."""
    for name, (outcome, _) in results.outcomes.items():
        if outcome.undeclared:
            say_warning(
                f"source {name} does not declare {', '.join(sorted(outcome.undeclared))}: "
                "kept in the map _extra of bronze"
            )
        for text in outcome.set_aside:
            say_warning(f"source {name}: set aside {text}; deliver it under another name")
    counts = dict.fromkeys(idle, (0, 0, 0, 0.0)) | {
        name: (outcome.files, outcome.rows, outcome.corrupt_rows, round(seconds, 1))
        for name, (outcome, seconds) in results.outcomes.items()
    }
    if as_json:
        names = ("files", "rows", "corrupt_rows", "seconds")
        print_json(
            {
                title: {name: dict(zip(names, row, strict=True)) for name, row in counts.items()},
                "failures": {name: str(error) for name, error in results.failures.items()},
                "spark_start_seconds": results.start_seconds and round(results.start_seconds, 1),
            }
        )
        return
    caption = (
        f"Spark took {results.start_seconds:.1f} s to start" if results.start_seconds else None
    )
    table = Table(
        "source", "files", "rows", "corrupt rows", "seconds", title=title, caption=caption
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for name, (files, rows, corrupt, seconds) in counts.items():
        table.add_row(name, f"{files:,}", f"{rows:,}", f"{corrupt:,}", f"{seconds:.1f}")
    if table.row_count:
        console.print(table)


def show_files(files: Sequence[LandedFile], *, as_json: bool) -> None:
    """Print landed files, and what has become of them."""
    if as_json:
        print_json(
            [
                {
                    "source": file.source,
                    "file": file.uri,
                    "bytes": file.size,
                    "landed_at": file.landed_at.isoformat(timespec="seconds"),
                    "state": file.state,
                }
                for file in files
            ]
        )
        return
    table = Table("source", "file", "bytes", "landed at (UTC)", "state")
    table.columns[2].justify = "right"
    for file in files:
        landed_at = f"{file.landed_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(file.source, file.uri, f"{file.size:,}", landed_at, file.state)
    console.print(table if files else "no files have landed", highlight=False)


def show_removed(files: Sequence[LandedFile], *, as_json: bool) -> None:
    """Print which files were removed."""
    if as_json:
        print_json([{"source": file.source, "removed": file.uri} for file in files])
    else:
        for file in files:
            console.print(f"removed {file.uri}", markup=False, highlight=False, soft_wrap=True)
    kept: Mapping[str, int] = {
        name: sum(file.source == name and file.state == "ingested" for file in files)
        for name in dict.fromkeys(file.source for file in files)
    }
    for name, count in kept.items():
        if count:
            number = "1 of them was" if count == 1 else f"{count} of them were"
            say_note(f"source {name}: {number} ingested before; the rows stay in bronze")


def show_checked(checked: Sequence["Checked"], *, as_json: bool) -> None:
    """Print what a run would do with files."""
    if as_json:
        print_json(
            [
                {
                    "file": one.file,
                    "source": one.source,
                    "accepted": one.accepted,
                    "problem": one.problem or None,
                    "rows": one.rows,
                    "corrupt_rows": one.corrupt_rows,
                    "columns": one.columns,
                    "empty_columns": one.empty,
                    "undeclared": one.undeclared,
                }
                for one in checked
            ]
        )
        return
    table = Table("file", "source", "accepted", "rows", "corrupt rows", "columns", "undeclared")
    for column in table.columns[3:5]:
        column.justify = "right"
    for one in checked:
        columns = [*one.columns, *(f"{name} (empty)" for name in one.empty)]
        numbers = (f"{one.rows:,}", f"{one.corrupt_rows:,}") if one.accepted else ("", "")
        table.add_row(
            one.file,
            one.source,
            "yes" if one.accepted else "no",
            *numbers,
            ", ".join(columns),
            ", ".join(one.undeclared),
        )
    console.print(table)
