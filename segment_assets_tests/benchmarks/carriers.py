"""The contestants of the delivery benchmark. Each runs in a process of its own and says what it did.

`changes`: two tables of the lake become what has to be sent. Ours is the real function, whole records, batches and counts
included; the others only say who came and who went, by one digest, which is less. `upload`: records become requests that
a server on loopback has read; urllib3 and aiohttp get bodies that are bytes already, so that theirs is the bare sending.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from segment_assets import destinations
from segment_assets.contracts import Operation, Session
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.benchmarks import audiences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from segment_assets.contracts import Contract, Destination

ACCOUNTS = 5
CHURN = 0.02
BATCH = 10_000
_TIMES = 20


def meta() -> tuple[Destination, Contract, Wanted]:
    contract = destinations.registry()["meta"]
    return destinations.connect("meta", "1000000001"), contract, Wanted(contract, contract.forms())


def changes_ours(folder: Path) -> dict[str, float]:
    from segment_assets.delivery.changes import audience_changes

    lake = LocalLake(folder / "lake")
    audience, state = (_dataset(lake, table) for table in ("hashed_audience", "acknowledged"))
    writer = lake.writer("changes", "bench")
    counts = audience_changes(audience, state, None, meta()[2], write=writer, workdir=folder / "work")
    writer.publish({})
    return {"came": counts.adds, "went": counts.removes}


def changes_set_apart(folder: Path) -> dict[str, float]:
    from segment_assets.delivery.unaffected import set_apart

    lake = LocalLake(folder / "lake")
    audience, state = (_dataset(lake, table) for table in ("hashed_audience", "acknowledged"))
    with set_apart(audience, state, None, meta()[2], refresh=None, workdir=folder / "work") as apart:
        came = apart.people.adds + apart.audience.count_rows()
        went = apart.people.removes + apart.acknowledged.count_rows()
    return {"came": came, "went": went}


def changes_duckdb(folder: Path) -> dict[str, float]:
    import duckdb

    now, before = (_files(folder, table) for table in ("hashed_audience", "acknowledged"))
    with duckdb.connect(config={"threads": "2"}) as db:
        sql = "SELECT count(*) FROM read_parquet('{}') ANTI JOIN read_parquet('{}') USING (email)"
        came, went = (db.execute(sql.format(*pair)).fetchall()[0][0] for pair in ((now, before), (before, now)))
    return {"came": came, "went": went}


def changes_pandas(folder: Path) -> dict[str, float]:
    import pandas as pd

    now, before = (
        pd.read_parquet(_files(folder, table), columns=["email"]) for table in ("hashed_audience", "acknowledged")
    )
    merged = now.merge(before, on="email", how="outer", indicator=True)
    return {
        "came": int((merged["_merge"] == "left_only").sum()),
        "went": int((merged["_merge"] == "right_only").sum()),
    }


def upload_ours(folder: Path) -> dict[str, float]:
    """From the table of changes: members, body, digest for the ledger, sending."""
    from segment_assets.delivery.outgoing import batches, request_digest
    from segment_assets.resources.transport import HttpTransport

    destination, _, _ = meta()
    changes = _dataset(LocalLake(folder / "lake"), "changes")
    records, seconds = 0, dict.fromkeys(("members", "body", "digest", "send"), 0.0)

    def timed(name: str, work: Callable[[], object]) -> object:
        before = time.process_time()
        done = work()
        seconds[name] += time.process_time() - before
        return done

    with _sink() as url, contextlib.closing(HttpTransport(url, "token")) as transport:
        incoming = batches(changes)
        while (batch := timed("members", lambda: next(incoming, None))) is not None:
            session = Session(1, batch.number, last=False, members_in_total=1, received_before=0)
            request = timed("body", lambda b=batch, s=session: destination.request("1", Operation.ADD, b.members, s))
            timed("digest", lambda r=request: request_digest(b"key", r))
            timed("send", lambda r=request: transport.send(r))
            records += len(batch.members)
    return {"records": records, **{f"cpu_{name}": value for name, value in seconds.items()}}


def upload_httpx(folder: Path) -> dict[str, float]:
    import httpx

    body = _a_body(folder)
    with _sink() as url, httpx.Client(base_url=url, trust_env=False) as client:
        return _repeated(lambda: client.post("/", content=body).raise_for_status())


def upload_urllib3(folder: Path) -> dict[str, float]:
    import urllib3

    body = _a_body(folder)
    with _sink() as url, urllib3.PoolManager() as pool:
        return _repeated(lambda: pool.request("POST", url, body=body))


def upload_aiohttp(folder: Path) -> dict[str, float]:
    import asyncio

    import aiohttp

    body = _a_body(folder)

    async def run(url: str) -> dict[str, float]:
        async with aiohttp.ClientSession() as client:
            before = time.process_time()
            for _ in range(_TIMES):
                async with client.post(url, data=body) as answer:
                    await answer.read()
            return {"records": BATCH * _TIMES, "cpu_send": time.process_time() - before}

    with _sink() as url:
        return asyncio.run(run(url))


def write_changes(folder: Path, people: int) -> None:
    """Tables of the same size, of which CHURN came and as many went."""
    gone, lake = round(people * CHURN), LocalLake(folder / "lake")
    audiences.write_state(lake, "bench", range(people), meta()[2])
    audiences.write_audience(lake, "bench", range(gone, people + gone))


def write_road(folder: Path, people: int) -> None:
    """The audience of the whole delivery."""
    audiences.write_audience(LocalLake(folder / "lake"), "bench", range(people))


def _dataset(lake: LocalLake, table: str):
    snapshot = lake.current(table, "bench")
    assert snapshot is not None, f"{table} was not written"
    return lake.dataset(snapshot)


def _files(folder: Path, table: str) -> str:
    snapshot = LocalLake(folder / "lake").current(table, "bench")
    assert snapshot is not None
    return str(Path(snapshot.uri) / "part-00000.parquet")


def _a_body(folder: Path) -> bytes:
    from segment_assets.delivery.outgoing import batches

    batch = next(batches(_dataset(LocalLake(folder / "lake"), "changes")))
    request = meta()[0].request(
        "1", Operation.ADD, batch.members, Session(1, 1, last=True, members_in_total=1, received_before=0)
    )
    body = request.body()
    assert body is not None
    # As many records as a full request has, also where the benchmark has fewer people.
    return body * max(1, BATCH // len(batch.members))


def _repeated(work: Callable[[], object]) -> dict[str, float]:
    before = time.process_time()
    for _ in range(_TIMES):
        work()
    return {"records": BATCH * _TIMES, "cpu_send": time.process_time() - before}


@contextlib.contextmanager
def _sink() -> Iterator[str]:
    """A server of its own process that reads every body and answers, and does nothing else."""
    with subprocess.Popen([sys.executable, "-c", _SINK], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


_SINK = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
answer = b'{"num_received": 1, "num_invalid_entries": 0}'
head = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(answer)
room = bytearray(1 << 20)
while True:
    connection, _ = listener.accept()
    file = connection.makefile("rb")
    while True:
        length, line = 0, file.readline()
        if not line:
            break
        while line not in (b"\\r\\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            line = file.readline()
        while length > 0:
            read = file.readinto1(memoryview(room)[:length])
            if not read:
                break
            length -= read
        connection.sendall(head + answer)
"""

CONTESTANTS: dict[str, Callable[[Path], dict[str, float]]] = {
    "changes/ours": changes_ours,
    "changes/set_apart": changes_set_apart,
    "changes/duckdb": changes_duckdb,
    "changes/pandas": changes_pandas,
    "upload/ours": upload_ours,
    "upload/httpx": upload_httpx,
    "upload/urllib3": upload_urllib3,
    "upload/aiohttp": upload_aiohttp,
}
WARM_UP = {"duckdb": ("duckdb",), "pandas": ("pandas",), "urllib3": ("urllib3",), "aiohttp": ("aiohttp",)}
