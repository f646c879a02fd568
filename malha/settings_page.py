"""Write docs/settings.md from the table of settings: `python -m malha.settings_page`."""

import sys
from pathlib import Path

from malha.access_settings import AccessSettings
from malha.settings import ROOT, Settings

PAGE = ROOT / "docs/settings.md"

_INTRODUCTION = """\
# Settings

Every setting is a variable of the environment, the same embedded and in containers. Give one to a
single command (`make up API_PORT=8001`) or export it for all; commands that talk to the stack need
the same values as the one that started it.

| variable | default | meaning |
|---|---|---|
"""


def page() -> str:
    """The page as Markdown."""
    # What a class inherits comes first in its table; on the page, it comes last.
    fields = sorted(
        Settings.model_fields.items(), key=lambda field: field[0] in AccessSettings.model_fields
    )
    rows = (
        f"| `{name.upper()}` | {_shown(field.default)} | {field.description} |\n"
        for name, field in fields
    )
    return _INTRODUCTION + "".join(rows)


def _shown(default: object) -> str:
    if isinstance(default, Path):
        default = default.relative_to(ROOT)
    return f"`{default}`" if default != "" else ""


if __name__ == "__main__":
    sys.stdout.write(page())
