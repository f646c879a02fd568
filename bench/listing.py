"""What old files cost a run of the ingest: `python -m bench.listing [FILES]` (10 000 by default).

Lands that many small files on a stack of its own, ingests them, and then times three runs: one that
finds nothing new, one that finds one new file, and, for comparison, one that finds one new file
where there is only one old one.
"""

import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from malha import s3
from tests.mesh import Mesh, ok, own_environment

console = Console()


def land(mesh: Mesh, key: str) -> None:
    mesh.put(key, "cliente_id,nome\n1,Ana\n")


def land_many(mesh: Mesh, count: int) -> None:
    """Land as many files, in folders of a thousand."""
    client = s3.client(mesh.settings)

    def put(number: int) -> None:
        key = f"clientes/cliente/{number // 1000:03}/{number:06}.csv"
        client.put_object(Bucket="landing", Key=key, Body=b"cliente_id,nome\n1,Ana\n")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(count)))


def timed(mesh: Mesh, title: str) -> None:
    """Run the ingest and print how long it took."""
    started = time.monotonic()
    ok(mesh.ingest("cliente"))
    console.print(f"{time.monotonic() - started:7.1f} s  {title}")


def main(files: int) -> None:
    environment = own_environment()
    os.environ.update(environment)
    mesh = Mesh(Path(environment["STACK_DIR"]))
    try:
        mesh.up()
        ok(mesh.dbt("--quiet", "parse"))
        land(mesh, "clientes/cliente/000/a.csv")
        timed(mesh, "the first file")
        land(mesh, "clientes/cliente/zzz/a.csv")
        timed(mesh, "1 new file, 1 old one")
        timed(mesh, "nothing new, 2 old files")
        land_many(mesh, files)
        timed(mesh, f"{files:,} new files")
        timed(mesh, f"nothing new, {files:,} old files")
        land(mesh, "clientes/cliente/zzz/b.csv")
        timed(mesh, f"1 new file, {files:,} old ones")
        timed(mesh, f"nothing new, {files:,} old files")
    finally:
        mesh.stack("clean")
        shutil.rmtree(mesh.folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
