"""What makes two machines digest alike: the identity code, its libraries and the Unicode tables of Python.

Belongs here: naming these and comparing them. Not here: installing them (the job's definition).
A phone number may be valid for one release of phonenumbers and not for the next; a job with another release would
quietly move people out of an audience.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import unicodedata
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

# What the job imports besides Spark and this package (a test looks); Glue installs the caller's versions.
DEPENDENCIES = ("dagster-pipes", "phonenumbers", "pyarrow", "pycountry", "stringzilla")
_DECIDING = tuple(name for name in DEPENDENCIES if name != "dagster-pipes")
_CODE = ("identity", "tables", "destinations", "distributed", "contracts")


def fingerprint() -> dict[str, str]:
    """Name -> version of everything that a digest depends on, on this machine."""
    return {
        "segment_assets": _digest_of_the_code(),
        "unicode": unicodedata.unidata_version,
        **{name: importlib.metadata.version(name) for name in _DECIDING},
    }


def requirements() -> tuple[str, ...]:
    """DEPENDENCIES as pip wants them, in the versions of this machine."""
    return tuple(f"{name}=={importlib.metadata.version(name)}" for name in DEPENDENCIES)


def assert_same(wanted: Mapping[str, str]) -> None:
    """Raise PermanentError where this machine would digest with something else than the caller."""
    here = fingerprint()
    other = [f"{name} {here.get(name, 'none')} instead of {version}" for name, version in wanted.items()]
    other = [said for said, name in zip(other, wanted, strict=True) if here.get(name) != wanted[name]]
    if other:
        raise PermanentError(
            f"the identity job would digest with {', '.join(other)}: build and upload the wheel of the caller's "
            "version and let the job install the caller's requirements"
        )


def _digest_of_the_code() -> str:
    root = importlib.resources.files("segment_assets")
    digest = hashlib.sha256()
    for place in _CODE:
        for name, content in _files(root / place, place):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _files(place: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    if place.is_file():
        yield name, place.read_bytes()
        return
    for child in sorted(place.iterdir(), key=lambda child: child.name):
        if child.name != "__pycache__":
            yield from _files(child, f"{name}/{child.name}")
