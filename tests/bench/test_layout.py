"""What the benchmark of layouts makes of its rounds."""

from io import StringIO

from rich.console import Console

from bench.layout import Figures, medians, table


def rounds() -> list[Figures]:
    return [
        Figures("as shipped", 2, 4, 100, 50, 3, 10),
        Figures("sorted", 3, 4, 50, 50, 5, 9),
        Figures("as shipped", 4, 8, 300, 50, 3, 10),
        Figures("sorted", 9, 6, 70, 50, 7, 9),
        Figures("as shipped", 3, 9, 200, 50, 3, 10),
        Figures("sorted", 3, 5, 60, 50, 5, 9),
    ]


def test_medians_of_each_layout_in_the_order_of_the_first_round() -> None:
    assert medians(rounds()) == [
        Figures("as shipped", 3, 8, 200, 50, 3, 10),
        Figures("sorted", 3, 5, 60, 50, 5, 9),
    ]


def test_table_has_ratios_to_the_first_layout() -> None:
    console = Console(width=100, record=True, file=StringIO())
    console.print(table(medians(rounds()), 1_500_000))
    text = console.export_text()
    assert "1,500,000 orders; in brackets, times as shipped" in text
    (ordered,) = (" ".join(line.split()) for line in text.splitlines() if "sorted" in line)
    assert ordered == "sorted 3.0 (1.00) 5.0 (0.62) 60.0 (0.30) 50.0 (1.00) 5 9.0"
