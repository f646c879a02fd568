"""Make data/samples/varejo: about 1 000 clients and 5 000 orders over two delivery days.

The data has what real data has; the constants say how much of it. Seeds are fixed, so that the
files are the same each time (`make samples`).
"""

import csv
import random
from collections.abc import Iterable
from pathlib import Path

from faker import Faker

FOLDER = Path(__file__).parent / "varejo"
DAYS = ("2026-01-05", "2026-01-06")
SEED = 20260105

# The smallest case has numbers below 1001, so that both sets can be landed together.
FIRST_CLIENTE, CLIENTES = 1001, 1000
FIRST_PEDIDO, PEDIDOS = 1001, 5000

CLIENTES_WITHOUT_NAME = 12
CLIENTES_NAMED_LATER = 3  # delivered without a name on the first day, with one on the second
CLIENTES_CORRECTED = 20  # delivered again on the second day under another name
CLIENTES_WITHOUT_KEY = 4
CLIENTES_WITH_TEXT_AS_KEY = 2

PEDIDOS_ZERO = 10
PEDIDOS_NEGATIVE = 15
PEDIDOS_TEXT_VALUE = 20
PEDIDOS_WITHOUT_VALUE = 5
PEDIDOS_UNKNOWN_CLIENTE = 8
PEDIDOS_OF_NAMELESS_CLIENTE = 6
PEDIDOS_WITHOUT_KEY = 3
PEDIDOS_CORRECTED = 40  # delivered again on the second day with another value

MALFORMED_CLIENTE = ["1500,Maria,da Silva,vírgula a mais"]
MALFORMED_PEDIDO = ["2500,1500", "2501;1501;99.90"]
ODD_NAMES = ['Ana "Nina" D\'Ávila', "José, o Breve", "Ñandú Müller", "  Íris Conceição  "]

Row = list[str]


def main() -> None:
    chance = random.Random(SEED)  # noqa: S311 - sample data
    faker = Faker("pt_BR")
    faker.seed_instance(SEED)

    clientes, nameless = make_clientes(faker)
    corrected = [[row[0], faker.name()] for row in clientes[500 : 500 + CLIENTES_CORRECTED]]
    named_later = [[row[0], faker.name()] for row in clientes if not row[1].strip()]
    named_later = named_later[-CLIENTES_NAMED_LATER:]
    half = CLIENTES * 4 // 5
    header = ["cliente_id", "nome"]
    write("clientes/cliente", 0, header, clientes[:half], MALFORMED_CLIENTE)
    write("clientes/cliente", 1, header, clientes[half:] + corrected + named_later, [])

    still_nameless = nameless[:CLIENTES_WITHOUT_NAME]
    named = [row[0] for row in clientes if row[0].isdigit() and row[0] not in nameless]
    pedidos = make_pedidos(chance, named, still_nameless)
    good = [row for row in pedidos[100:2000] if row[0]]
    again = [[key, cliente, amount(chance)] for key, cliente, _ in good[:PEDIDOS_CORRECTED]]
    half = PEDIDOS // 2
    header = ["pedido_id", "cliente_id", "valor"]
    write("pedidos/pedido", 0, header, pedidos[:half], MALFORMED_PEDIDO)
    write("pedidos/pedido", 1, header, pedidos[half:] + again, [])


def make_clientes(faker: Faker) -> tuple[list[Row], list[str]]:
    """Every client as first delivered, and the numbers of those without a name."""
    rows = [[str(FIRST_CLIENTE + i), faker.name()] for i in range(CLIENTES)]
    for row, name in zip(rows[50:], ODD_NAMES, strict=False):
        row[1] = name
    nameless = rows[100 : 100 + CLIENTES_WITHOUT_NAME + CLIENTES_NAMED_LATER]
    for number, row in enumerate(nameless):
        row[1] = "" if number % 2 else "   "
    for row in rows[200 : 200 + CLIENTES_WITHOUT_KEY]:
        row[0] = ""
    for row in rows[300 : 300 + CLIENTES_WITH_TEXT_AS_KEY]:
        row[0] = f"C-{row[0]}"
    return rows, [row[0] for row in nameless]


def make_pedidos(chance: random.Random, clientes: list[str], nameless: list[str]) -> list[Row]:
    """Every order as first delivered; the faulty ones come last on the second day."""
    rows = [
        [str(FIRST_PEDIDO + i), chance.choice(clientes), amount(chance)] for i in range(PEDIDOS)
    ]
    faulty = iter(reversed(rows))
    for _ in range(PEDIDOS_ZERO):
        next(faulty)[2] = "0.00"
    for _ in range(PEDIDOS_NEGATIVE):
        next(faulty)[2] = f"-{amount(chance)}"
    for _ in range(PEDIDOS_TEXT_VALUE):
        next(faulty)[2] = chance.choice(["grátis", "n/d", "12,50", "R$ 30.00"])
    for _ in range(PEDIDOS_WITHOUT_VALUE):
        next(faulty)[2] = ""
    for number in range(PEDIDOS_UNKNOWN_CLIENTE):
        next(faulty)[1] = str(900001 + number)
    for number in range(PEDIDOS_OF_NAMELESS_CLIENTE):
        next(faulty)[1] = nameless[number]
    for _ in range(PEDIDOS_WITHOUT_KEY):
        next(faulty)[0] = ""
    return rows


def amount(chance: random.Random) -> str:
    """A value in reais, most of them small."""
    return f"{min(0.01 + chance.expovariate(1 / 150), 9999.99):.2f}"


def write(table: str, day: int, header: Row, rows: Iterable[Row], malformed: list[str]) -> None:
    """Write one delivery; lines that no CSV writer would write come last."""
    path = FOLDER / table / f"{DAYS[day]}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        file.writelines(f"{line}\n" for line in malformed)


if __name__ == "__main__":
    main()
