"""The delivery room and our LiveRamp connector in front of an SFTP server that LiveRamp looks through."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import asyncssh
import pytest

from segment_assets.contracts import NeedsHumanError, SegmentAssetsError, Session
from segment_assets.resources.destination_account import DestinationAccount
from segment_assets.sandbox import process
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, KilledError, Outside
from segment_assets_tests.conformance.kit.platforms.liveramp import RECORD
from segment_assets_tests.resources.sftp_server import Server, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from segment_assets.contracts import Request, Response

PEOPLE = 7
DROP = {"transport": "sftp", "completion": "marker"}
MARKED = dataclasses.replace(RECORD, settings=DROP)
BY_FILE = dataclasses.replace(RECORD, settings={"transport": "sftp"}, switches={"minimum_rows": 1})
BY_DELETION_FILE = dataclasses.replace(
    BY_FILE, settings={"transport": "sftp", "removals_prefix": "deletions/lumen_onboarding"}
)


class Place:
    """A sandbox with its SFTP server."""

    def __init__(self, home: Path) -> None:
        self.inside = InProcess(home, ())
        self.outside, self.server = Outside(self.inside), Server(home, self.inside.sandbox.store)

    def end(self) -> None:
        self.outside.close()
        self.server.end()
        self.inside.end()


@dataclasses.dataclass
class DropHouse(House):
    """The kit's house, whose files go by SFTP. `after` sees each that was put, and may end the process."""

    server: Any = None
    after: Callable[[str], None] = lambda path: None
    paths: list[str] = dataclasses.field(default_factory=list)

    def transport(self) -> Any:
        return _Seen(self, self.server.transport())


class _Seen:
    def __init__(self, house: DropHouse, way: Any) -> None:
        self._house, self._way, self.close = house, way, way.close

    def send(self, request: Request) -> Response:
        answer = self._way.send(request)
        self._house.paths.append(request.path)
        self._house.after(request.path)
        return answer


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("sandbox"))
    yield place
    place.end()


@pytest.fixture
def made(place: Place, tmp_path: Path):
    place.outside.reset()
    place.server.begin_anew()
    return lambda record: DropHouse(record, tmp_path, place.outside, server=place.server)


def killing(ending: str) -> Callable[[str], None]:
    def end(path: str) -> None:
        if path.endswith(ending):
            raise KilledError

    return end


@pytest.mark.parametrize("record", [MARKED, BY_DELETION_FILE], ids=["marker", "deletion file"])
def test_who_joins_is_in_and_who_goes_or_says_no_is_out(made, record):
    house = made(record)
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert (row["accepted"], row["rejected"], row["unproven"]) == (0, 0, PEOPLE)
    house.holds_exactly(range(PEOPLE))
    house.wants(range(2, PEOPLE + 2))
    house.opt_out(4)
    house.run()
    house.holds_exactly(set(range(2, PEOPLE + 2)) - {4})
    house.is_balanced()


def test_the_marker_is_the_last_file_of_a_delivery_and_nothing_counts_before_it(made):
    house = made(MARKED)
    house.wants(range(PEOPLE))
    house.after = killing(".csv")
    with pytest.raises(KilledError):
        house.run()
    assert house.outside.audiences() == []
    house.after = lambda path: None
    house.until_done()
    house.holds_exactly(range(PEOPLE))
    assert [path.rpartition(".")[2] for path in house.paths].index("done") == len(house.paths) - 1
    house.is_balanced()


@pytest.mark.parametrize("trouble", [Trouble("write"), Trouble("rename"), Trouble("rename", after=True)])
def test_a_connection_that_is_lost_costs_one_try_and_nobody(made, trouble):
    house = made(BY_FILE)
    house.server.trouble = dataclasses.replace(trouble)
    house.wants(range(PEOPLE))
    house.run()
    house.holds_exactly(range(PEOPLE))
    assert not [name for name in house.server.all() if name.startswith(".")]
    house.is_balanced()


def test_a_process_that_is_killed_leaves_a_file_that_counts_once(made):
    house = made(BY_FILE)
    house.wants(range(PEOPLE))
    house.after = killing(".csv")
    with pytest.raises(KilledError):
        house.run()
    house.after = lambda path: None
    house.until_done()
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_what_a_killed_process_left_under_a_name_with_a_dot_goes_a_day_later(made, place):
    house, folder = made(BY_FILE), place.server.home / "liveramp_sftp" / "uploads" / "lumen_onboarding"
    for name, days in (("ours", 2), ("of_now", 0)):
        staged = folder / f".{name}_add_1_0001.csv.0123456789abcdef.part"
        staged.write_text("a digest")
        os.utime(staged, (time.time() - days * 86_400,) * 2)
    others = (".profile", "theirs.part")
    for name in others:
        (folder / name).touch()
        os.utime(folder / name, (0, 0))
    house.wants(range(PEOPLE))
    house.run()
    left = {name for name in place.server.all() if not name.endswith(".csv")}
    assert left == {".of_now_add_1_0001.csv.0123456789abcdef.part", *others}


def test_whoever_writes_under_a_file_s_own_name_may_see_half_of_it_fetched(made, place):
    """The sandbox would notice a connector that does not rename."""
    house = made(BY_FILE)
    folder = place.server.home / "liveramp_sftp" / "uploads" / "lumen_onboarding"
    (folder / "half.csv").write_text('"audience_key","email1_SHA-256","vip"\n"a')
    assert house.outside.audiences() == []
    (folder / "half.csv").write_text(f'"audience_key","email1_SHA-256","vip"\n"{"a" * 64}","{"a" * 64}","1"\n')
    assert house.outside.audiences() == []


class TestTheAccount:
    def account(self, tmp_path: Path, **changed: Any) -> DestinationAccount:
        told = {"destination": "liveramp", "account": "lumen", "settings": {"transport": "sftp"}}
        return DestinationAccount(**{**told, "secrets_home": str(tmp_path / "secrets"), **changed})

    def keeps(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "liveramp.lumen.json").write_text(text)

    def test_a_plan_with_a_server_and_a_key_of_its_own_is_told_no_password(self, tmp_path, place):
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
        there = place.server.told
        settings = {"transport": "sftp", "server": there["address"].partition("://")[2], "host_key": there["host_key"]}
        login = {"user": there["user"], "password": there["password"]}
        self.keeps(tmp_path, json.dumps({**login, "host_key": other}))
        destination, way = self.account(tmp_path, settings=settings).connect()
        with contextlib.closing(way), pytest.raises(NeedsHumanError, match="another key than the one that we know"):
            way.send(destination.step_request("commit", "vip", "add", _whole()))
        (tmp_path / "secrets" / "liveramp.lumen.json").write_text(json.dumps(login))
        with pytest.raises(NeedsHumanError, match=r"key of that server has to be in the secret liveramp\.lumen"):
            self.account(tmp_path, settings=settings).connect()

    def test_the_secret_says_who_we_are_and_the_plan_which_server_it_is(self, tmp_path):
        self.keeps(tmp_path, '{"user": "u", "password": "p", "host_key": "of the secret"}')
        settings = {"transport": "sftp", "server": "files.example:2222", "host_key": "of the plan"}
        _, way = self.account(tmp_path, endpoint="https://s3.example", region="eu-west-1", settings=settings).connect()
        assert (way.host, way.port, way.login.user, way.host_keys) == ("files.example", 2222, "u", "of the secret")
        _, way = self.account(tmp_path).connect()
        assert (way.host, way.port, way.host_keys) == ("files.liveramp.com", 22, "of the secret")

    def test_without_a_secret_a_person_is_asked(self, tmp_path):
        with pytest.raises(NeedsHumanError, match=r"no secret liveramp\.lumen"):
            self.account(tmp_path).connect()

    def test_an_account_whose_address_is_another_never_goes_to_the_platform_s_own(self, tmp_path):
        self.keeps(tmp_path, '{"user": "u", "password": "p"}')
        _, way = self.account(tmp_path, endpoint="sftp://127.0.0.1:9", is_diverted=True).connect()
        assert (way.host, way.port) == ("127.0.0.1", 9)
        with pytest.raises(NeedsHumanError, match="SEGMENT_ASSETS_ENDPOINTS"):
            self.account(tmp_path, endpoint="http://127.0.0.1:9", is_diverted=True).connect()

    def test_in_the_local_world_the_sandbox_listens_from_the_first_question_on(self, tmp_path):
        running = process.start(tmp_path / "home")
        try:
            first = process.drop(tmp_path / "home", "liveramp")
            assert first == process.drop(tmp_path / "home", "liveramp")
            assert running.pid
            account = self.account(tmp_path, account="lumen_onboarding", sandbox_home=str(tmp_path / "home"), token="t")
            destination, way = account.connect()
            with contextlib.closing(way):
                request = destination.step_request("commit", "vip", "add", _whole())
                assert way.send(request).headers["sftp-status"] == "OK"
            with pytest.raises(SegmentAssetsError, match="no files by SFTP"):
                process.drop(tmp_path / "home", "meta")
        finally:
            process.stop(tmp_path / "home")


def _whole() -> Any:
    return Session(token=1, sequence=1, last=True, members_in_total=1, received_before=0)


def test_a_connector_by_sftp_loads_no_ssh(monkeypatch):
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    assert RECORD.connect().contract.endpoint
    assert MARKED.connect().contract.endpoint.startswith("sftp://")
