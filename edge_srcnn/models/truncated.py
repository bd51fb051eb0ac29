"""A model file that ends too early is told from one that is something else."""

import struct

from flatbuffers.table import Table

_ZIP_BEGINS, _ZIP_ENDS = b"PK\x03\x04", b"PK\x05\x06"
_TAIL_BYTES = 1 << 16


def is_truncated(data: bytes) -> bool:
    """Tell whether a table or buffer of the flatbuffer reaches beyond the end, or a zip was begun and not ended.

    Walks the vectors of the root table that hold a model's first and last bytes (TFLite's schema: fields 1, 2
    and 4 of ``Model`` are operator codes, subgraphs and buffers; field 0 of ``Buffer`` is its data).
    """
    if _ZIP_BEGINS in data[-_TAIL_BYTES:] and _ZIP_ENDS not in data[-_TAIL_BYTES:]:
        return True
    try:
        model = Table(data, struct.unpack_from("<I", data)[0])
        for number in (1, 2, 4):
            field = model.Offset(4 + 2 * number)
            for i in range(model.VectorLen(field)):
                table = Table(data, model.Indirect(model.Vector(field) + 4 * i))
                vtable = table.Pos - struct.unpack_from("<i", data, table.Pos)[0]
                if table.Pos + struct.unpack_from("<H", data, vtable + 2)[0] > len(data):
                    return True
                content = table.Offset(4) if number == 4 else 0
                if content and table.Vector(content) + table.VectorLen(content) > len(data):
                    return True
    except (struct.error, IndexError, TypeError, ValueError):
        return True
    return False
