"""Random deliveries of files, and whether bronze has each of their rows exactly once."""

import csv
import gzip
import io
import random
from collections import Counter
from urllib.parse import unquote

from tests.mesh import Mesh

Row = tuple[str | None, ...]

# Declared columns of the sources that files land for.
COLUMNS = {"cliente": ("cliente_id", "nome"), "pedido": ("pedido_id", "cliente_id", "valor")}
_PATHS = {"cliente": "clientes/cliente", "pedido": "pedidos/pedido"}
_NAMES = ["Ana", "José, o Breve", 'Ana "Nina"', "Íris Conceição", "D'Ávila", "100% {a} $b"]
_ODD_NAMES = ["dia {}", "[{}]", "a#{}?", "50%{}", "%20{}", "ação {}", "a+b&{}", "2026/01/{}"]


class Deliveries:
    """What has landed so far, row for row."""

    def __init__(self, mesh: Mesh, chance: random.Random) -> None:
        self._mesh = mesh
        self._chance = chance
        self._files = 0
        self.rows: dict[str, Counter[Row]] = {source: Counter() for source in COLUMNS}
        """Of each source: file, declared columns and the undeclared `idade`, and how many such."""

    @property
    def landed(self) -> int:
        """How many rows have landed."""
        return sum(counter.total() for counter in self.rows.values())

    def land(self) -> None:
        """Land up to three files for each source."""
        for source in COLUMNS:
            for _ in range(self._chance.randint(1, 3)):
                self._land_file(source)

    def _land_file(self, source: str) -> None:
        chance = self._chance
        self._files += 1
        name = chance.choice(["{}", *_ODD_NAMES]).format(f"{self._files:05}")
        rows = [self._row(source) for _ in range(chance.choice([1, 20, 20, 3000]))]
        rows += chance.sample(rows, len(rows) // 10)  # delivered twice in one file
        header = list(COLUMNS[source])
        if chance.random() < 0.3:
            header.append("idade")
            rows = [(*row, str(chance.randint(1, 99))) for row in rows]
        order = chance.sample(range(len(header)), len(header))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator=chance.choice(["\n", "\r\n"]))
        writer.writerow([header[i] for i in order])
        writer.writerows([[row[i] for i in order] for row in rows])
        body = text.getvalue().encode(chance.choice(["utf-8", "utf-8-sig"]))
        key = f"{_PATHS[source]}/{name}.csv"
        if chance.random() < 0.2:
            key, body = f"{key}.gz", gzip.compress(body)
        self._mesh.put(key, body)
        file = f"s3a://landing/{key}"
        width = len(COLUMNS[source]) + 1
        self.rows[source].update((file, *row, *[None] * (width - len(row))) for row in rows)

    def _row(self, source: str) -> Row:
        # Few keys, so that many rows are corrections of earlier ones.
        number, other = (str(self._chance.randint(1, 500)) for _ in range(2))
        if source == "cliente":
            return number, self._chance.choice(_NAMES)
        return number, other, f"{self._chance.randint(1, 10**6) / 100:.2f}"

    def compare(self) -> tuple[int, int]:
        """How many landed rows bronze lacks, and how many it has that did not land so often."""
        lost = extra = 0
        for source, expected in self.rows.items():
            columns = ", ".join(COLUMNS[source])
            query = (
                f"select _source_file, {columns}, _extra['idade'], _corrupt from bronze.{source}"
            )
            found = Counter((unquote(row[0]), *row[1:]) for row in self._mesh.query(query))
            wanted = Counter({(*row, None): count for row, count in expected.items()})
            lost += (wanted - found).total()
            extra += (found - wanted).total()
        return lost, extra
