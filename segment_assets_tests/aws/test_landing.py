"""The landing area in S3: what has landed, in pages, and bringing it here whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import stat
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.resources.aws.landing import S3Landing
from segment_assets.resources.landing import LocalLanding
from segment_assets_tests.aws.emulators import Emulator
from segment_assets_tests.aws.modelled import session_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.resources.ports import Landing

pytestmark = pytest.mark.aws
BUCKET = "landing-area"


@pytest.fixture(params=["ministack", "seaweedfs"])
def area(request: pytest.FixtureRequest, tmp_path: Path) -> S3Landing:
    emulator: Emulator = request.getfixturevalue(request.param)
    session = session_at(emulator.endpoint, "s3")
    client = session.client("s3")
    with contextlib.suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=BUCKET)
    return S3Landing(session, f"s3://{BUCKET}/{uuid.uuid4().hex}/landing", tmp_path / "work")


def put(area: S3Landing, *names: str, body: bytes = b"email\na@example.com\n") -> None:
    """Objects by their names below the landing area."""
    prefix = area.uri.removeprefix(f"s3://{BUCKET}/")
    for name in names:
        area.session.client("s3").put_object(Bucket=BUCKET, Key=f"{prefix}/{name}", Body=body)


def test_it_is_a_landing_area_like_the_local_one(area: S3Landing) -> None:
    landing: Landing = area
    put(area, "segments/newsletter/list.csv", "spend/week.csv")
    assert landing.segments() == ["newsletter"]
    with landing.beside("spend") as files:
        assert [file.name for file in files] == ["week.csv"]


def test_an_object_that_cannot_be_had_keeps_none_of_the_others_back(area: S3Landing) -> None:
    put(area, "erasures/a.csv", "erasures/2026-11/b.csv", "erasures/.hidden/c.csv", "erasures/gone.csv")
    with area.each("erasures") as files:
        area.session.client("s3").delete_object(
            Bucket=BUCKET, Key=f"{area.uri.removeprefix(f's3://{BUCKET}/')}/erasures/gone.csv"
        )
        found = dict(files)
        assert list(found) == ["2026-11/b.csv", "a.csv", "gone.csv"]
        for name in ("2026-11/b.csv", "a.csv", "a.csv"):
            with found[name]() as opened:
                assert opened.read() == b"email\na@example.com\n"
        with pytest.raises(TransientError, match="changed while it was fetched"):
            found["gone.csv"]()


def test_every_segment_is_on_one_page_also_where_a_sign_sorts_before_the_slash(area: S3Landing) -> None:
    names = ["a", "a-b", "a.c", "a_d", "b", "c0", "d"]
    put(area, *(f"segments/{name}/list.csv" for name in names))
    pages, after = [], ""
    while page := area.segments(after=after, limit=2):
        pages.append(page)
        after = page[-1]
    assert sorted(name for page in pages for name in page) == sorted(names)
    assert [len(page) for page in pages] == [2, 2, 2, 1]


def test_the_same_files_count_as_in_a_local_folder(area: S3Landing, tmp_path: Path) -> None:
    names = [
        "list.csv",
        ".hidden",
        "half.csv.tmp",
        "half.part",
        "b.parquet",
        "_SUCCESS",
        "list.csv.md5",
        "_temp/no.csv",
    ]
    put(area, *(f"segments/newsletter/{name}" for name in names), "segments/only_half/x.tmp", "segments/marker/")
    for name in names:
        file = tmp_path / "local" / "newsletter" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"email\na@example.com\n")
    local = LocalLanding(tmp_path / "local")
    with area.fetched("newsletter") as files, local.fetched("newsletter") as wanted:
        assert [file.name for file in files] == [file.name for file in wanted] == ["b.parquet", "list.csv"]
        assert [file.read_bytes() for file in files] == [file.read_bytes() for file in wanted]
    assert area.segments() == local.segments() == ["newsletter"]


def test_a_version_changes_with_every_file_that_comes_goes_or_is_written_again(area: S3Landing) -> None:
    versions = [area.version("newsletter")]
    put(area, "segments/newsletter/a.csv")
    versions.append(area.version("newsletter"))
    put(area, "segments/newsletter/a.csv", body=b"email\nb@example.com\n")
    versions.append(area.version("newsletter"))
    put(area, "segments/newsletter/b.csv")
    versions.append(area.version("newsletter"))
    prefix = area.uri.removeprefix(f"s3://{BUCKET}/")
    area.session.client("s3").delete_object(Bucket=BUCKET, Key=f"{prefix}/segments/newsletter/a.csv")
    versions.append(area.version("newsletter"))
    assert len(set(versions)) == len(versions)
    put(area, "segments/newsletter/c.tmp", "segments/newsletter_2/c.csv", "segments/newsletter/deeper/")
    assert area.version("newsletter") == versions[-1]
    put(area, "segments/newsletter/deeper/c.csv")
    assert area.version("newsletter") != versions[-1]


def test_objects_in_folders_are_refused_by_name_as_locally(area: S3Landing) -> None:
    put(area, "segments/newsletter/dt=2026-11-23/part-0.csv")
    assert area.segments() == ["newsletter"]
    with pytest.raises(PermanentError, match=r"landing folder newsletter: .*dt=2026-11-23"), area.fetched("newsletter"):
        """Nothing is fetched."""


@pytest.mark.parametrize("area", ["ministack"], indirect=True)
def test_a_version_changes_when_the_same_bytes_are_written_again(area: S3Landing) -> None:
    # SeaweedFS, like S3, tells whole seconds; MiniStack tells thousandths.
    put(area, "segments/newsletter/a.csv")
    before = area.version("newsletter")
    time.sleep(0.005)
    put(area, "segments/newsletter/a.csv")
    assert area.version("newsletter") != before


def test_copies_are_private_and_gone_afterwards_also_after_a_failure(area: S3Landing) -> None:
    put(area, "segments/newsletter/a.csv")

    def failing() -> None:
        with area.fetched("newsletter") as files:
            assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert list(area.workdir.iterdir()) == []


@pytest.mark.parametrize("name", ["..", ".", "", "../lake", "a/b", "a\nb"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    area = S3Landing(None, "s3://bucket/landing", tmp_path)  # type: ignore[arg-type] - nothing is asked
    with pytest.raises(PermanentError, match="without slashes"):
        area.version(name)
    with pytest.raises(PermanentError, match="without slashes"), area.fetched(name):
        pass
    with pytest.raises(PermanentError, match="without slashes"), area.beside(name):
        pass


class OneObject:
    """S3 with one object, whose first `breaks` bodies end in the middle."""

    def __init__(self, body: bytes, breaks: int, listed: int | None = None) -> None:
        self.body, self.breaks, self.asked, self.listed = body, breaks, 0, len(body) if listed is None else listed
        self.etag = hashlib.md5(body, usedforsecurity=False).hexdigest()

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        s3 = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if "list-type=2" in self.path:
                    return self._listing()
                s3.asked += 1
                self._head(len(s3.body))
                broken = s3.asked <= s3.breaks
                self.wfile.write(s3.body[: len(s3.body) // 2] if broken else s3.body)
                self.close_connection = broken
                return None

            def do_HEAD(self) -> None:
                self._head(len(s3.body))

            def _listing(self) -> None:
                entry = (
                    f"<Contents><Key>l/segments/s/a.csv</Key><LastModified>2026-11-22T10:00:00.000Z</LastModified>"
                    f"<ETag>&quot;{s3.etag}&quot;</ETag><Size>{s3.listed}</Size></Contents>"
                )
                raw = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entry}</ListBucketResult>".encode()
                self._head(len(raw), "application/xml")
                self.wfile.write(raw)

            def _head(self, length: int, kind: str = "text/csv") -> None:
                self.send_response(200)
                for name, value in (("Content-Length", length), ("Content-Type", kind), ("ETag", f'"{s3.etag}"')):
                    self.send_header(name, str(value))
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()


def fetched_from(endpoint: str, workdir: Path) -> list[bytes]:
    area = S3Landing(session_at(endpoint, "s3"), "s3://bucket/l", workdir)
    try:
        with area.fetched("s") as files:
            return [file.read_bytes() for file in files]
    finally:
        assert list(workdir.iterdir()) == []


BODY = b"email\n" + b"someone@example.com\n" * 50_000


def test_a_body_that_breaks_is_read_again(tmp_path: Path) -> None:
    s3 = OneObject(BODY, breaks=2)
    with s3.serving() as endpoint:
        assert fetched_from(endpoint, tmp_path) == [BODY]
    assert s3.asked == 3


def test_a_body_that_always_breaks_is_left_for_later_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with (
        OneObject(BODY, breaks=1000).serving() as endpoint,
        pytest.raises(TransientError, match="a body broke again and again") as told,
    ):
        fetched_from(endpoint, tmp_path)
    assert "a.csv" not in str(told.value)


def test_an_object_that_changed_since_it_was_listed_is_read_another_time(tmp_path: Path) -> None:
    with (
        OneObject(BODY, breaks=0, listed=len(BODY) + 7).serving() as endpoint,
        pytest.raises(TransientError, match="changed while it was fetched"),
    ):
        fetched_from(endpoint, tmp_path)


def test_an_area_without_credentials_is_for_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from segment_assets.resources.aws.session import AwsSession

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    area = S3Landing(AwsSession("eu-central-1", duty=uuid.uuid4().hex), "s3://bucket/l", tmp_path)
    with pytest.raises(NeedsHumanError, match="credentials are not found"):
        area.segments()
