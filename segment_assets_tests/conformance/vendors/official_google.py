"""Google's own packages for the Data Manager API, imported when a test first asks them something.

Every worker of the suite collects every file, and one runs it: an import of a second would be made by all of them.
"""

from __future__ import annotations

import functools
from typing import Any

from segment_assets_tests.conformance.vendors.late import Late

types = Late("google.ads.datamanager_v1.types")
json_format = Late("google.protobuf.json_format")


@functools.cache
def formatter() -> Any:
    """The official Formatter of identifiers."""
    return Late("google.ads.datamanager_util").Formatter()


def parsed(message: Any, body: Any) -> Any:
    """Parse as Google's servers do, but refuse what the message does not have."""
    return message(json_format.ParseDict(body, message.pb(message()), ignore_unknown_fields=False))
