"""What the benchmark shows of its measurements."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench.figures import Figures, figures, table, write_json, write_picture
from bench.runs import Measurement


@pytest.fixture
def found() -> Figures:
    return figures(
        0.1,
        [
            Measurement(10, 20, 30, 25, tests_run=43, thrift_peak_mib=900),
            Measurement(12, 24, 60, 26, tests_run=43, thrift_peak_mib=1100),
            Measurement(90, 22, 40, 99, tests_run=43, thrift_peak_mib=1000),
        ],
    )


def test_json_has_medians_and_the_largest_memory(found: Figures, tmp_path: Path) -> None:
    write_json(found, tmp_path / "results/pipeline.json")
    assert json.loads((tmp_path / "results/pipeline.json").read_text()) == {
        "scale": 0.1,
        "plain_s": 12,
        "ingest_s": 22,
        "build_s": 40,
        "full_s": 62,
        "increment_s": 26,
        "tests_run": 43,
        "thrift_peak_mib": 1100,
    }


def test_table_has_rates_and_ratios(found: Figures) -> None:
    console = Console(width=100, record=True, file=StringIO())
    console.print(table(found, 165_000, 1_650))
    lines = [line.split() for line in console.export_text().splitlines()]
    plain = next(line for line in lines if "script" in line)
    full = next(line for line in lines if "+" in line)
    increment = next(line for line in lines if "same," in line)
    assert [plain[-2], full[-2], increment[-2]] == ["1.00", "5.17", "2.17"]
    assert "13,750" in plain
    assert "63" in increment


def test_picture_needs_nothing_from_elsewhere(found: Figures, tmp_path: Path) -> None:
    write_picture(found, 165_000, tmp_path / "bench.svg")
    picture = (tmp_path / "bench.svg").read_text()
    assert "165,000 rows" in picture
    assert "<script" not in picture
    assert "@import" not in picture
    assert "src=" not in picture
    assert not [part for part in picture.split('href="')[1:] if not part.startswith("#")]
