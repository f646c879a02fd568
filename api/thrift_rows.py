"""Results of the Thrift Server as Arrow: its columns as they come, without a Python row between."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from TCLIService import ttypes

from malha.hive import StatementFailedError, without_frames


def batches(cursor: Any, schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of a statement that has ended, or of one whose rows are made as they are fetched.

    Args:
        cursor: PyHive's, behind its `execute`.
        schema: what the answer is to have; names are not looked at.
        rows: how many to ask for at a time.

    Raises:
        StatementFailedError: Spark failed to make the next ones.
    """
    client = cursor._connection.client
    while True:
        request = ttypes.TFetchResultsReq(
            operationHandle=cursor._operationHandle,
            orientation=ttypes.TFetchOrientation.FETCH_NEXT,
            maxRows=rows,
        )
        answer = client.FetchResults(request)
        if answer.status.statusCode not in (
            ttypes.TStatusCode.SUCCESS_STATUS,
            ttypes.TStatusCode.SUCCESS_WITH_INFO_STATUS,
        ):
            message = answer.status.errorMessage or "the results are gone"
            raise StatementFailedError(without_frames(message))
        columns = [
            _array(column, field.type)
            for column, field in zip(answer.results.columns, schema, strict=True)
        ]
        if not columns or not len(columns[0]):
            return
        yield pa.record_batch(columns, schema=schema)


def _array(column: Any, wanted: pa.DataType) -> pa.Array:
    """One column, of which exactly one kind of values is set; decimals and times are text."""
    (values,) = (part for part in vars(column).values() if part is not None)
    found = pa.array(values.values)
    if any(values.nulls):
        found = _with_nulls(found, values.nulls)
    if found.type == wanted or not len(found):
        return found.cast(wanted)
    if pa.types.is_timestamp(wanted):
        # Sessions are in UTC, and the text has no zone.
        return found.cast(pa.timestamp("us")).cast(wanted)
    if pa.types.is_integer(wanted) and pa.types.is_string(found.type):
        return found.cast(pa.decimal128(38, 0)).cast(wanted)
    return found.cast(wanted)


def _with_nulls(found: pa.Array, nulls: bytes) -> pa.Array:
    bits = nulls.ljust((len(found) + 7) // 8, b"\x00")
    null = pa.Array.from_buffers(pa.bool_(), len(found), [None, pa.py_buffer(bits)])
    return pc.if_else(null, pa.scalar(None, found.type), found)
