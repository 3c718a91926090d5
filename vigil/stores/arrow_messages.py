"""Tables as log messages: Arrow IPC streams of a thousand rows, compressed by LZ4.

Compression costs less than writing what it saves: 490 bytes a span become 210.
"""

import pyarrow as pa

from vigil.events.content import ARROW_STREAM, CONTENT_TYPE
from vigil.stores.log import Message

ROWS_PER_MESSAGE = 1_000
_LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")


def arrow_messages(table: pa.Table, rows: int = ROWS_PER_MESSAGE) -> list[Message]:
    """The table's rows in order, `rows` a message, each a complete Arrow IPC stream."""
    whole = table.combine_chunks()
    return [
        Message(_stream(whole.slice(start, rows)), {CONTENT_TYPE: ARROW_STREAM})
        for start in range(0, whole.num_rows, rows)
    ]


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_LZ4) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()
