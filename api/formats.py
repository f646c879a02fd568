"""Answers as bytes: JSON, NDJSON, CSV, Arrow and Parquet, whole or as a stream; compression."""

import gzip
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet
import zstandard

from api.json_rows import rows_as_json

Batches = Iterable[pa.RecordBatch]

COMPRESS_FROM = 1000
"""Bytes below which compression is not worth its header."""


@dataclass(frozen=True)
class Format:
    """A form that answers have."""

    name: str
    media_type: str
    encode: Callable[[pa.Schema, Batches], Iterator[bytes]]
    """The answer in parts, one a batch or so."""
    compressible: bool = True


def _json(_: pa.Schema, batches: Batches) -> Iterator[bytes]:
    glue = b"["
    for batch in batches:
        if batch.num_rows:
            yield glue + rows_as_json(batch, ",")
            glue = b","
    yield b"[]" if glue == b"[" else b"]"


def _ndjson(_: pa.Schema, batches: Batches) -> Iterator[bytes]:
    for batch in batches:
        if batch.num_rows:
            yield rows_as_json(batch, "\n") + b"\n"


def _csv(schema: pa.Schema, batches: Batches) -> Iterator[bytes]:
    options = pa.csv.WriteOptions(include_header=False, quoting_style="needed")
    yield f"{','.join(map(_csv_name, schema.names))}\n".encode()
    for batch in batches:
        columns = [_csv_column(column) for column in batch.columns]
        sink = pa.BufferOutputStream()
        pa.csv.write_csv(pa.record_batch(columns, names=schema.names), sink, options)
        yield sink.getvalue().to_pybytes()


def _csv_name(name: str) -> str:
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'


def _csv_column(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    return column


class _Sink:
    """What a writer writes to, taken away part by part."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, part: Any) -> int:
        data = bytes(part)
        self._parts.append(data)
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """All is written at once."""

    def close(self) -> None:
        """The parts are still to be taken."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def _arrow(schema: pa.Schema, batches: Batches) -> Iterator[bytes]:
    return _written(pa.ipc.new_stream, schema, batches)


def _parquet(schema: pa.Schema, batches: Batches) -> Iterator[bytes]:
    return _written(pa.parquet.ParquetWriter, schema, batches)


def _written(
    open_writer: Callable[..., Any], schema: pa.Schema, batches: Batches
) -> Iterator[bytes]:
    sink = _Sink()
    with open_writer(pa.PythonFile(sink, mode="w"), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield sink.take()
    yield sink.take()


FORMATS = {
    one.name: one
    for one in (
        Format("json", "application/json", _json),
        Format("ndjson", "application/x-ndjson", _ndjson),
        Format("csv", "text/csv; charset=utf-8", _csv),
        Format("arrow", "application/vnd.apache.arrow.stream", _arrow, compressible=False),
        Format("parquet", "application/vnd.apache.parquet", _parquet, compressible=False),
    )
}

_BY_MEDIA_TYPE = {
    **{one.media_type.partition(";")[0]: one for one in FORMATS.values()},
    "application/jsonl": FORMATS["ndjson"],
}
_BY_RANGE = {
    "application/*": [one for one in FORMATS.values() if one.name != "csv"],
    "text/*": [FORMATS["csv"]],
    "*/*": list(FORMATS.values()),
}
"""What a range may be answered with, the first that is not refused."""


def accepted(header: str) -> Format | None:
    """The format that an `Accept` header likes best; JSON where there is none; None if unknown."""
    if not header or header == "*/*":
        return FORMATS["json"]
    qualities = list(_qualities(header))
    refused = {_BY_MEDIA_TYPE.get(name) for name, quality in qualities if quality <= 0}
    best: tuple[float, Format | None] = (0, None)
    for name, quality in qualities:
        exact = _BY_MEDIA_TYPE.get(name)
        offered = [exact] if exact else _BY_RANGE.get(name, [])
        found = next((one for one in offered if one not in refused), None)
        if found and quality > best[0]:
            best = quality, found
    return best[1]


def accepted_encoding(header: str) -> str | None:
    """`zstd`, `gzip`, or None where neither is accepted."""
    if not header:
        return None
    qualities = dict(_qualities(header))
    return next((name for name in ("zstd", "gzip") if qualities.get(name, 0) > 0), None)


def _qualities(header: str) -> Iterator[tuple[str, float]]:
    for part in header.split(","):
        name, _, parameters = part.strip().lower().partition(";")
        _, _, quality = parameters.strip().partition("q=")
        try:
            yield name.strip(), float(quality) if quality else 1.0
        except ValueError:
            yield name.strip(), 0.0


def compressed(body: bytes, encoding: str) -> bytes:
    """A whole answer, compressed."""
    if encoding == "gzip":
        return gzip.compress(body, compresslevel=5, mtime=0)
    return zstandard.ZstdCompressor(level=3).compress(body)


def compressing(parts: Iterator[bytes], encoding: str) -> Generator[bytes]:
    """A stream, compressed as it comes."""
    packer: Any
    if encoding == "gzip":
        packer = zlib.compressobj(5, wbits=31)
    else:
        packer = zstandard.ZstdCompressor(level=3).compressobj()
    for part in parts:
        if packed := packer.compress(part):
            yield packed
    yield packer.flush()
