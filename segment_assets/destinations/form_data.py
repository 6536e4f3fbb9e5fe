"""A form with one file, as RFC 7578 has it, with equal bytes for equal content.

Belongs here: the body. Not here: names of fields and what is in a file, which each platform has its own of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Fixed, so that a request that is made again is the same; digests and numbers never hold it.
_BOUNDARY = "segment_assets_form_data"
CONTENT_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"


def form_data(fields: Mapping[str, str], filename: str, file: bytes) -> bytes:
    r"""The fields, then the file under `file`.

    >>> form_data({"id": "1"}, "a.csv", b"x\n").splitlines()[1]
    b'Content-Disposition: form-data; name="id"'
    """
    named = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head = f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\nContent-Type: text/csv\r\n\r\n'
    return f"{named}--{_BOUNDARY}\r\n{head}".encode() + file + f"\r\n--{_BOUNDARY}--\r\n".encode()
