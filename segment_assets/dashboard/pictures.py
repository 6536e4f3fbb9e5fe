"""Charts as small PNG pictures, for places that show no script (Dagster's metadata).

Belongs here: rendering a specification and packing it tightly. Not here: what it shows (`charts`).
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.dashboard.charts import Chart

WIDTH = 520
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(chart: Chart) -> bytes:
    """A picture of fixed width, of about 20 KB: it travels inside metadata and is stored with every materialisation."""
    import vl_convert

    return packed(vl_convert.vegalite_to_png(chart.to_dict(validate=False) | {"width": WIDTH}, scale=1))


def packed(picture: bytes) -> bytes:
    """The same pixels in a third of the bytes: the renderer compresses for speed."""
    chunks = list(_chunks(picture))
    pixels = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    kept = [(kind, body) for kind, body in chunks if kind not in {b"IDAT", b"IEND"}]
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in [*kept, (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    )


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_SIGNATURE)
    while place < len(picture):
        (size,) = struct.unpack_from(">I", picture, place)
        yield picture[place + 4 : place + 8], picture[place + 8 : place + 8 + size]
        place += size + 12
