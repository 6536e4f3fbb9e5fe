"""The landing area in S3: objects that somebody puts below `<uri>/segments/<segment>/`.

Belongs here: what has landed, page by page, and bringing it to this machine. Not here: reading the files
(`audience.reading`), events about them (`queue`).

Objects appear whole in S3, so a half-copied file is one that a tool says is (`landing.is_complete`).
Tried against MiniStack and SeaweedFS: delimiter with StartAfter, paging, broken bodies. Never against AWS.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import itertools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError, SegmentAssetsError, TransientError
from segment_assets.resources.aws.errors import translated
from segment_assets.resources.aws.objects import reason
from segment_assets.resources.aws.uris import bucket_and_prefix
from segment_assets.resources.landing import is_complete, is_marker, refuse_folders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from segment_assets.resources.aws.queue import Changed, LandingEvents
    from segment_assets.resources.aws.session import AwsSession
    from segment_assets.resources.ports import LandedFile

SEGMENTS = "segments"
# What ext4 and xfs take as the name of a file, in bytes.
_LONGEST_NAME = 255
_GONE = frozenset({"404", "412", "NoSuchKey", "PreconditionFailed"})


@dataclasses.dataclass(frozen=True, slots=True)
class _Landed:
    """One object, as a listing tells it."""

    key: str
    name: str
    size: int
    mark: str

    @property
    def is_folder(self) -> bool:
        """Whether it stands for all that is below its name, which ends with a slash."""
        return self.name.endswith("/")


@dataclasses.dataclass(frozen=True, slots=True)
class S3Landing:
    """Folders of objects below `uri` (s3://bucket/landing). `workdir` is scratch space of this process.

    A look at many segments is a LIST for each, which is paid for: with `events` a sensor looks at those only that
    changed, and at all of them now and then, since events may be lost.
    """

    session: AwsSession
    uri: str
    workdir: Path
    events: LandingEvents | None = None

    @property
    def appears_whole(self) -> bool:
        """Yes: an object is listed when all of it is there."""
        return True

    def changed(self) -> Changed | None:
        """Segments with files that events speak of; None without a queue: look at all of them.

        A segment whose last file was taken away is not there any more, as in `segments`.
        """
        if self.events is None:
            return None
        found = self.events.changed()
        return dataclasses.replace(found, segments=frozenset(filter(self._has_files, found.segments)))

    def segments(self, *, after: str = "", limit: int = 1000) -> list[str]:
        """Names of segments that have complete files, beginning after a name; at most `limit`.

        The order is S3's, of the names with a slash behind: of planned names that is the alphabet.
        """
        return list(itertools.islice(filter(self._has_files, self._folders(after)), limit))

    def version(self, segment: str) -> str:
        """Changes when an object appears, vanishes or is written again (the same bytes: a second later). One LIST."""
        marks = [(file.name, file.size, file.mark) for file in self._listed(f"{SEGMENTS}/{_checked(segment)}")]
        return hashlib.sha256(repr(sorted(marks)).encode()).hexdigest()

    @contextlib.contextmanager
    def fetched(self, segment: str) -> Iterator[list[Path]]:
        """Copies of a segment's complete files, sorted by name, in a folder that only we can read and that goes after.

        Raises TransientError when a body breaks again and again, or when an object changed since it was listed,
        PermanentError where the folder has folders with files.
        """
        folder = f"{SEGMENTS}/{_checked(segment)}"
        refuse_folders(segment, (found.name[:-1] for found in self._listed(folder) if found.is_folder))
        with self._copied(folder) as files:
            yield files

    @contextlib.contextmanager
    def beside(self, folder: str) -> Iterator[list[Path]]:
        """The same for a folder beside `segments`."""
        with self._copied(_checked(folder)) as files:
            yield files

    @contextlib.contextmanager
    def each(self, folder: str) -> Iterator[list[LandedFile]]:
        """Objects below a folder beside `segments`, at every depth, each fetched when it is first opened."""
        with self._private() as private:
            found = sorted(self._deep(_checked(folder)), key=lambda file: file.name)
            yield [
                (file.name, functools.partial(self._opened, file, private / f"{place}"))
                for place, file in enumerate(found)
            ]

    def _opened(self, file: _Landed, target: Path) -> BinaryIO:
        if not target.exists():
            # Whole or not at all: it would be taken for the object when it is opened again.
            self._fetch(file, target.with_suffix(".part")).rename(target)
        return target.open("rb")

    @contextlib.contextmanager
    def _copied(self, folder: str) -> Iterator[list[Path]]:
        with self._private() as private:
            files = sorted(self._files(folder), key=lambda file: file.name)
            yield [self._fetch(file, self._named(file, private)) for file in files]

    @contextlib.contextmanager
    def _private(self) -> Iterator[Path]:
        """A folder that only we can read, since these files hold raw identifiers."""
        self.workdir.mkdir(parents=True, exist_ok=True)
        private = Path(tempfile.mkdtemp(dir=self.workdir, prefix="landing-"))
        try:
            yield private
        finally:
            shutil.rmtree(private)

    def _named(self, file: _Landed, folder: Path) -> Path:
        if len(file.name.encode()) > _LONGEST_NAME or "\0" in file.name:
            raise PermanentError(f"{self.uri}: an object's name cannot be the name of a file here; shorten it")
        return folder / file.name

    def _fetch(self, file: _Landed, target: Path) -> Path:
        """One object. boto3 reads large ones in parts, and a part again whose body broke; botocore would not."""
        from boto3.exceptions import Boto3Error

        bucket = self._place[0]
        changed = TransientError(f"{self.uri}: an object changed while it was fetched; the folder is read again later")
        try:
            with translated(f"S3 bucket {bucket}"):
                self.session.client("s3").download_file(bucket, file.key, str(target))
        except Boto3Error as failure:
            said = f"S3 bucket {bucket}: a body broke again and again ({type(failure).__name__}); tried again later"
            raise TransientError(said) from None
        except SegmentAssetsError as refusal:
            if refusal.code in _GONE:
                raise changed from None
            raise reason(self.session, bucket, file.key, refusal) from None
        if target.stat().st_size != file.size:
            raise changed
        return target

    def _folders(self, after: str) -> Iterator[str]:
        prefix = f"{self._place[1]}{SEGMENTS}/"
        # The sign after the slash: everything in the folder `after` comes before it.
        start = {"StartAfter": f"{prefix}{after}0"} if after else {}
        for page in self._pages(prefix, Delimiter="/", **start):
            for found in page.get("CommonPrefixes", ()):
                name = found["Prefix"].removeprefix(prefix).rstrip("/")
                if is_folder(name):
                    yield name

    def _has_files(self, segment: str) -> bool:
        return next(self._listed(f"{SEGMENTS}/{segment}"), None) is not None

    def _files(self, folder: str) -> Iterator[_Landed]:
        """Complete files directly in a folder, in S3's order, as they are listed."""
        return (found for found in self._listed(folder) if not found.is_folder)

    def _listed(self, folder: str) -> Iterator[_Landed]:
        """The same, and before those of a page the folders in it that have files; a tool's own (_name) do not count."""
        prefix = f"{self._place[1]}{folder}/"
        for page in self._pages(prefix, Delimiter="/"):
            for found in page.get("CommonPrefixes", ()):
                name = found["Prefix"].removeprefix(prefix)
                # One more LIST, where there is such a folder at all: the console makes some that are empty.
                if name[0] not in "._" and next(self._deep(f"{folder}/{name[:-1]}"), None):
                    yield _Landed(found["Prefix"], name, 0, "")
            yield from (file for file in _complete(page, prefix) if not is_marker(file.name))

    def _deep(self, folder: str) -> Iterator[_Landed]:
        """Complete files of a folder and of folders in it, in S3's order."""
        prefix = f"{self._place[1]}{folder}/"
        for page in self._pages(prefix):
            yield from _complete(page, prefix)

    def _pages(self, prefix: str, **asked: str) -> Iterator[dict[str, Any]]:
        """The entries below a prefix, 1,000 at a time. With a `Delimiter` what is deeper is neither listed nor held."""
        bucket = self._place[0]
        with translated(f"S3 bucket {bucket}"):
            pages = iter(
                self.session.client("s3")
                .get_paginator("list_objects_v2")
                .paginate(Bucket=bucket, Prefix=prefix, **asked)
            )
        while True:
            with translated(f"S3 bucket {bucket}"):
                page = next(pages, None)
            if page is None:
                return
            yield page

    @property
    def _place(self) -> tuple[str, str]:
        return bucket_and_prefix(self.uri)


def _complete(page: dict[str, Any], prefix: str) -> Iterator[_Landed]:
    for found in page.get("Contents", ()):
        name = found["Key"].removeprefix(prefix)
        # The console marks a folder with an object of its name.
        if not name.endswith("/") and name and all(is_complete(part) for part in name.split("/")):
            mark = f"{found['ETag']} {found['LastModified'].timestamp()}"
            yield _Landed(found["Key"], name, found["Size"], mark)


def is_folder(name: str) -> bool:
    """Whether a name may be a segment's, planned or not; Dagster has no partition of an unprintable name."""
    return name not in {"", ".", ".."} and name.isprintable()


def _checked(folder: str) -> str:
    """Raises PermanentError for what would be another folder's name than it says."""
    if not is_folder(folder) or "/" in folder:
        raise PermanentError("a folder of the landing area has a name without slashes and dots alone; correct it")
    return folder
