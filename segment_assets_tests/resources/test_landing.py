"""What counts in a landing folder: nothing that was dropped stays unread without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import PermanentError
from segment_assets.resources.landing import LocalLanding

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def landing(tmp_path: Path) -> LocalLanding:
    return LocalLanding(tmp_path / "segments")


def land(landing: LocalLanding, *names: str) -> None:
    for name in names:
        file = landing.root / "vip" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("email\na@example.com\n")


def names(landing: LocalLanding) -> list[str]:
    with landing.fetched("vip") as files:
        return [file.name for file in files]


@pytest.mark.parametrize(
    "name",
    [
        *("_SUCCESS", "_started_7", "list.csv.md5", "list.csv.SHA256", ".hidden", "list.csv.tmp", "list.csv.part"),
        *(
            "list.csv.filepart",
            "list.csv.crdownload",
            "_temporary/0/list.csv",
            ".snapshot/list.csv",
            "dt=1/.x/list.csv",
            "dt=1/new/",
        ),
    ],
)
def test_what_a_tool_leaves_beside_good_files_does_not_stop_them(landing: LocalLanding, name: str) -> None:
    if name.endswith("/"):
        (landing.root / "vip" / name).mkdir(parents=True)
    else:
        land(landing, name)
    assert landing.segments() == []
    land(landing, "list.csv")
    assert (landing.segments(), names(landing)) == (["vip"], ["list.csv"])


@pytest.mark.parametrize("name", ["_list.csv", "list.csv.gz", "list", "list.xlsx", "read me.md"])
def test_what_may_hold_people_is_read_or_refused_by_whoever_reads(landing: LocalLanding, name: str) -> None:
    land(landing, name)
    assert names(landing) == [name]


def test_files_in_folders_are_refused_by_name_and_change_the_version(landing: LocalLanding) -> None:
    land(landing, "list.csv")
    before = landing.version("vip")
    land(landing, "dt=2026-11-23/part-0.csv")
    assert landing.version("vip") != before
    with pytest.raises(PermanentError, match=r"landing folder vip: .*dt=2026-11-23.*put the files that count there"):
        names(landing)


def test_folders_beside_the_segments_are_read_as_before(landing: LocalLanding) -> None:
    for name in ("week.csv", "old/week.csv"):
        file = landing.root.parent / "spend" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("day\n")
    with landing.beside("spend") as files:
        assert [file.name for file in files] == ["week.csv"]
    with landing.each("spend") as found:
        assert [name for name, _ in found] == ["old/week.csv", "week.csv"]
