"""What many landed files cost a run of the ingest; `make bench-listing` calls it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer

from bench.own_stack import INGEST, own_stack, say, timed
from malha import s3
from malha.console import run_app
from malha.settings import Settings

app = typer.Typer(add_completion=False)

_RUN = (*INGEST, "cliente")

_EXAMPLES = """Measure what files that were read long ago cost a run of the ingest.

Many small files land on a stack of its own and are ingested. Then single files follow, and runs
that find nothing, each timed as a whole process, beside the same where there are hardly any files.

Examples:

  make bench-listing

  make bench-listing FILES=1000
"""


@app.command(help=_EXAMPLES)
def main(
    files: Annotated[int, typer.Option(min=1, max=100_000, help="How many files land")] = 10_000,
) -> None:
    with own_stack(say) as settings:
        _land(settings, range(2))
        timed("2 new files", _RUN, say)
        _land(settings, range(2, 3))
        timed("1 new file, 2 old ones", _RUN, say)
        timed("nothing new, 3 old files", _RUN, say)
        _land(settings, range(3, files))
        timed(f"{files - 3:,} new files", _RUN, say)
        timed(f"nothing new, {files:,} old files", _RUN, say)
        for number in range(files, files + 3):
            _land(settings, range(number, number + 1))
            timed(f"1 new file, {number:,} old ones", _RUN, say)
        timed(f"nothing new, {files + 3:,} old files", _RUN, say)


def _land(settings: Settings, numbers: range) -> None:
    """Land a file of one client for each number, in folders of a thousand."""
    client = s3.client(settings)
    bucket, prefix = s3.split_uri(settings.landing_uri)

    def put(number: int) -> None:
        key = f"{prefix}/clientes/cliente/{number // 1000:03}/{number:06}.csv".lstrip("/")
        client.put_object(Bucket=bucket, Key=key, Body=b"cliente_id,nome\n1,Ana\n")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, numbers))


if __name__ == "__main__":
    run_app(app)
