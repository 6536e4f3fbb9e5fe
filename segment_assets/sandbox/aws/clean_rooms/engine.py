"""Running a query of the stand-in: both accounts' files from S3, the local clean room, its result back to S3.

Belongs here: files in, files out, in a layout like AWS's. Not here: the life of a query (`queries`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from segment_assets.privacy import Collaboration
from segment_assets.resources.clean_room import ProtectedQuery, QueryOutcome, ResultFormat
from segment_assets.resources.clean_room.local import LocalCleanRoom

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Both are seen: the first at AWS's own connector, the second in its export of logs.
LAYOUTS = ("collaboration={collaboration}/{query}", "collaboration={collaboration}/analysis={query}")


@dataclasses.dataclass(slots=True)
class Engine:
    """`tables` gives the folder in S3 (`s3://bucket/prefix`) of each Glue table; `s3` is a boto3 client.

    Results are written in `parts` files, in the layout of `LAYOUTS` that is chosen.
    """

    document: Mapping[str, Any]
    tables: Mapping[str, str]
    s3: Any
    workdir: Path
    parts: int = 1
    layout: str = LAYOUTS[0]
    _files_lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False)

    def run(self, sql: str, result_format: str) -> QueryOutcome:
        """Judge and run. The location is a folder of this machine."""
        room = LocalCleanRoom(
            Collaboration.parse(dict(self.document)),
            self._fetched,
            self.workdir / "results",
            "queries",
            self.document["creatorAccountId"],
            temp=self.workdir / "temp",
        )
        return room.look(room.start(ProtectedQuery("query", sql, ResultFormat(result_format))))

    def delivered(self, outcome: QueryOutcome, output: Mapping[str, Any], *, collaboration: str, query: str) -> str:
        """Put a result where it was asked for; its location."""
        bucket, prefix = output["bucket"], output.get("keyPrefix", "")
        folder = "/".join(
            part for part in (prefix, self.layout.format(collaboration=collaboration, query=query)) if part
        )
        assert outcome.location is not None
        local = Path(url2pathname(urlsplit(outcome.location).path))
        for name, body in self._objects(local, output["resultFormat"]):
            self.s3.put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=body)
        return f"s3://{bucket}/{folder}/"

    def _objects(self, folder: Path, result_format: str) -> Sequence[tuple[str, bytes]]:
        """The objects of a result, the marker last; an empty object among several, as Spark leaves some."""
        [file] = [path for path in folder.iterdir() if path.name.startswith("part-")]
        if self.parts == 1:
            return [(file.name, file.read_bytes()), ("_SUCCESS", b"")]
        bodies = _parted(file, self.parts) if result_format == "PARQUET" else _cut(file.read_bytes(), self.parts)
        named = [(f"part-{number:05d}{file.suffix}", body) for number, body in enumerate(bodies)]
        return [*named, (f"part-{len(named):05d}{file.suffix}", b""), ("_SUCCESS", b"")]

    def _fetched(self, glue_table: str) -> list[str]:
        """The Parquet files of a table on this machine, fetched where they are new."""
        bucket, _, prefix = self.tables.get(glue_table, "").removeprefix("s3://").partition("/")
        if not bucket:
            return []
        here = self.workdir / "tables" / glue_table
        here.mkdir(parents=True, exist_ok=True)
        found = []
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix.rstrip('/')}/")
        for told in (told for page in pages for told in page.get("Contents", ())):
            if not told["Key"].endswith(".parquet"):
                continue
            mark = hashlib.sha256(f"{told['Key']} {told['ETag']}".encode()).hexdigest()
            file = here / f"{mark}.parquet"
            with self._files_lock:
                if not file.exists():
                    body = self.s3.get_object(Bucket=bucket, Key=told["Key"])["Body"].read()
                    file.with_suffix(".new").write_bytes(body)
                    file.with_suffix(".new").replace(file)
            found.append((told["Key"], str(file)))
        return [file for _, file in sorted(found)]


def _parted(file: Path, parts: int) -> list[bytes]:
    """The same rows in order, in several Parquet files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    share = -(-len(table) // parts)
    bodies = []
    for number in range(parts):
        sink = pa.BufferOutputStream()
        pq.write_table(table.slice(number * share, share), sink)
        bodies.append(sink.getvalue().to_pybytes())
    return bodies


def _cut(csv: bytes, parts: int) -> list[bytes]:
    """The same lines in several files, each with the header. No value of ours holds a line end."""
    header, *lines = csv.splitlines(keepends=True)
    share = -(-len(lines) // parts)
    return [header + b"".join(lines[number * share : (number + 1) * share]) for number in range(parts)]
