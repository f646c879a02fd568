# ruff: noqa: E501, RUF001
"""A table with every type that the API serves, and the values that engines disagree about."""

import random

from malha.manifest import Product
from tests.api.support import TYPES, product
from tests.mesh import Mesh

TABLE = "every_type"

PRODUCT: Product = product(name=TABLE, base_name=TABLE, table=TABLE, lookup="whole")

_TEXTS = (
    *(
        "",
        " ",
        "a",
        "A",
        "Z",
        "z",
        "é",
        "e\u0301",
        "ß",
        "SS",
        "\u0131",
        "İ",
        "中文",
        "😀",
        "\ue000",
        "\uffff",
    ),
    *(
        "%",
        "_",
        "\\",
        "\\%",
        "100%",
        "a_b",
        "a%b",
        "a\\b",
        "ab",
        "aXb",
        "'",
        "''",
        '"',
        "`",
        "--",
        "*/",
    ),
    *("null", "NULL", "NaN", "${env:HOME}", "$$", "\n", "\t", "a\nb", "\x01", "\u2028", "x" * 300),
    *("1", "01", "true", "D'Ávila", "‘", "＇", "a,b", ";", "&", "=", "+", "Straße", "\U00010000"),
)
TEXTS = tuple(dict.fromkeys(_TEXTS))

POOLS: dict[str, tuple[str, ...]] = {
    "tiny": ("-128", "-1", "0", "1", "127"),
    "small": ("-32768", "-1", "0", "1", "32767"),
    "whole": ("-2147483648", "-1", "0", "1", "7", "2147483647"),
    "big": ("-9223372036854775808", "-1", "0", "1", "9007199254740993", "9223372036854775807"),
    "single": ("nan", "inf", "-inf", "-0.0", "0.0", "0.1", "1e-45", "3.4028235e38", "-1.5", "16777216"),
    "double": ("nan", "inf", "-inf", "-0.0", "0.0", "0.1", "5e-324", "1e300", "-1.5", "0.30000000000000004"),
    "money": ("-9999999999999999.99", "-0.01", "0", "0.01", "1.50", "200", "9999999999999999.99"),
    "exact": (
        "-1234567890123456789012345678.0123456789",
        "0.0000000001",
        "0",
        "1",
        "1234567890123456789012345678.0123456789",
    ),
    "flag": ("true", "false"),
    "day": ("0001-01-01", "1582-10-04", "1582-10-15", "1970-01-01", "2024-02-29", "9999-12-31"),
    "moment": (
        "0001-01-01 00:00:00",
        "1582-10-10 12:00:00",
        "1969-12-31 23:59:59.999999",
        "1970-01-01 00:00:00",
        "2026-01-31 12:00:00.5",
        "2026-01-31 12:00:00.000001",
        "9999-12-31 23:59:59.999999",
    ),
}  # fmt: skip


def _literal(name: str, text: str | None) -> str:
    if text is None:
        return f"cast(null as {TYPES[name]})"
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\u0024")
    zone = "+00:00" if name == "moment" else ""
    return f"cast('{escaped}{zone}' as {TYPES[name]})"


def rows(count: int = 120, seed: int = 7) -> list[list[str | None]]:
    """The values as texts, by the columns of TYPES; about one in nine is null."""
    chance = random.Random(seed)  # noqa: S311
    found: list[list[str | None]] = []
    for number in range(count):
        row: list[str | None] = [str(number)]
        for name in list(TYPES)[1:]:
            picked = TEXTS[number % len(TEXTS)] if name == "name" else chance.choice(POOLS[name])
            row.append(None if chance.random() < 1 / 9 else picked)
        found.append(row)
    return found


def make(mesh: Mesh, count: int = 120) -> None:
    """Create the table, through the Thrift Server."""
    # Iceberg has no smaller integers; the contract may promise them nevertheless.
    columns = ", ".join(
        f"{name} {'int' if data_type in ('tinyint', 'smallint') else data_type}"
        for name, data_type in TYPES.items()
    )
    values = ",\n".join("(" + ", ".join(map(_literal, TYPES, row)) + ")" for row in rows(count))
    mesh.execute(
        "create schema if not exists ouro",
        f"drop table if exists ouro.{TABLE}",
        f"create table ouro.{TABLE} ({columns}) using iceberg",
        f"insert into ouro.{TABLE} values {values}",
    )
