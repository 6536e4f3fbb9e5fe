"""`segment-assets verify`, `replay` and `preview --segment` on a home with one delivery to Meta, as a person types them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segment_assets.assets.activations import errand
from segment_assets.cli import main
from segment_assets.cli.requests_written import RequestFolder
from segment_assets.contracts import Contract, PermanentError, Request
from segment_assets.delivery.approvals import Desk
from segment_assets.delivery.guards import Stop
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.destinations.meta import CONTRACT, MetaCustomAudiences
from segment_assets.plan import load_plan
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.secrets import LocalSecrets
from segment_assets_tests.fakes import person, publish_audience
from segment_assets_tests.orchestration.accounts import MetaAccount
from segment_assets_tests.orchestration.local_world import ACCOUNT, NEWSLETTER, write_plan

WANTS = [f"p{number:02}" for number in range(12)]


def wants(home: Path, names: list[str]) -> None:
    people = [person(name, email=f"{name}@x") for name in names]
    count = len(people)
    publish_audience(
        LocalLake(home / "lake"), NEWSLETTER, people, {"rows_in": count, "members": count, "eligible": count}
    )


class Recording(MetaAccount):
    """Keeps the bodies that it is sent about people."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.bodies: list[object] = []

    def send(self, request: Request):
        if request.path.endswith("/users"):
            self.bodies.append(json.loads(json.dumps(request.json, default=list)))
        return super().send(request)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recording]:
    home = tmp_path_factory.mktemp("home")
    plan = load_plan(write_plan(home / "plan.yaml"))
    wants(home, WANTS)
    lake, account = LocalLake(home / "lake"), Recording(plan.accounts[ACCOUNT].account)
    key = LocalSecrets(home / "secrets").tenant_key(plan.tenant)
    task = errand(plan, ACCOUNT, plan.activations_of(ACCOUNT)[NEWSLETTER], key)
    room = DeliveryRoom(lake, MetaCustomAudiences(account.number), account, workdir=home / "work")
    room.run(task, lake.current("hashed_audience", NEWSLETTER), None)
    return home, account


@pytest.fixture
def home(delivered: tuple[Path, Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to be changed."""
    shutil.copytree(delivered[0], tmp_path / "home")
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEGMENT_ASSETS_PLAN", str(tmp_path / "home" / "plan.yaml"))
    return tmp_path / "home"


def typed(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def delivery_id(home: Path) -> str:
    lake = LocalLake(home / "lake")
    partition = lake.partitions("deliveries")[0]
    return lake.dataset(lake.current("deliveries", partition)).to_table().to_pylist()[0]["delivery_id"]


def test_an_untouched_ledger_is_proven_and_an_altered_one_is_named_with_exit_code_1(home):
    result = typed("verify")
    assert (result.exit_code, "1 ledgers, 0 that do not fit" in result.output) == (0, True), result.output
    entry = next((home / "lake" / "objects").rglob("deliveries/000001/000002.json"))
    entry.write_bytes(entry.read_bytes().replace(b'"batch":1', b'"batch":2'))
    result = typed("verify", "--pair", f"meta/1001/{NEWSLETTER}")
    assert result.exit_code == 1
    assert "000001/000002.json: the entry was altered" in result.output


def test_an_altered_approval_is_named_too(home):
    stop = Stop("short_source", "5 rows", 5)
    Desk(LocalLake(home / "lake"), _pair(home), "audience", "permission", lambda: 1.0).not_approved([stop])
    assert "1 ledgers, 0 that do not fit" in typed("verify").output
    entry = next((home / "lake" / "objects").rglob("approvals/**/000001.json"))
    entry.write_bytes(entry.read_bytes().replace(b'"amount":5', b'"amount":9'))
    result = typed("verify")
    assert (result.exit_code, "000001.json: the entry was altered" in result.output) == (1, True), result.output


def test_a_pair_without_a_ledger_is_no_proof(home):
    result = typed("verify", "--pair", "meta/1001/nobody")
    assert (result.exit_code, "no ledger of this pair" in result.output) == (1, True)


def test_a_delivery_is_replayed_with_the_bodies_that_meta_was_sent(home, delivered, tmp_path):
    result = typed("replay", delivery_id(home)[:12], "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    [request] = [json.loads(path.read_text()) for path in sorted((tmp_path / "out").glob("0*.json"))]
    assert ([request["body"]], request["proven"]) == (delivered[1].bodies, True)


def test_a_replay_that_is_not_what_was_sent_says_so(home):
    identifier = delivery_id(home)
    (key,) = (home / "secrets").glob("*.key")
    key.write_text("00" * 32)
    result = typed("replay", identifier)
    assert (result.exit_code, "not the ones that were sent" in result.output) == (1, True)
    result = typed("replay", "0" * 12)
    assert (result.exit_code, "0 deliveries" in result.output) == (1, True)


def test_the_next_delivery_of_a_segment_is_previewed_over_what_the_ledger_knows(home, tmp_path):
    wants(home, [*WANTS[2:], "new"])
    result = typed("preview", "--destination", ACCOUNT, "--segment", NEWSLETTER, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["requests"] == {"create": 0, "add": 1, "remove": 1}
    assert (summary["people"]["adds"], summary["people"]["removes"], summary["stopped"]) == (1, 2, "")
    first = json.loads((tmp_path / "out" / "0001.json").read_text())
    assert first["url"] == "https://graph.facebook.com/v26.0/100/users"
    assert len(list(AudienceLedger(LocalLake(home / "lake"), _pair(home), lambda: 0.0).deliveries())) == 1


def test_a_preview_says_what_a_guard_would_stop_and_notes_nothing(home, tmp_path):
    wants(home, WANTS[:5])
    result = typed("preview", "--destination", ACCOUNT, "--segment", NEWSLETTER, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert "the source has 5 rows where the last 1 had 12" in summary["stopped"]
    assert not LocalLake(home / "lake").keys("approvals")


def _pair(home: Path):
    plan = load_plan(home / "plan.yaml")
    return errand(plan, ACCOUNT, plan.activations_of(ACCOUNT)[NEWSLETTER], b"key").pair


@pytest.mark.parametrize(("mode", "records"), [("add", {"add": 12, "remove": 0}), ("remove", {"add": 0, "remove": 12})])
def test_a_segment_can_be_previewed_as_if_new_and_as_if_ended(home, tmp_path, mode, records):
    command = ["preview", "--destination", "meta", "--segment", NEWSLETTER, "--mode", mode]
    result = typed(*command, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["records"], summary["requests"]["create"]) == (records, int(mode == "add"))


def test_a_segment_that_is_nowhere_is_told_with_those_that_there_are(home, tmp_path):
    done = typed("preview", "--destination", "meta", "--segment", "newsleter", "--out", str(tmp_path / "out"))
    told = "newsleter: no segment of the plan" in done.output and NEWSLETTER in done.output
    assert (done.exit_code, told) == (1, True), done.output


def test_a_platform_that_needs_settings_is_previewed_for_an_account_of_the_plan_only(home, tmp_path):
    (tmp_path / "people.csv").write_text("email\na@x.example\n")
    of = ("--members", str(tmp_path / "people.csv"), "--out", str(tmp_path / "out"))
    done = typed("preview", "--destination", "salesforce", *of)
    assert (done.exit_code, "cannot be previewed without an account of the plan" in done.output) == (1, True)


def test_a_preview_needs_one_of_segment_and_members(home, tmp_path):
    assert typed("preview", "--destination", "meta", "--out", str(tmp_path / "out")).exit_code == 2


def test_a_folder_with_something_else_in_it_is_left_alone_and_earlier_requests_are_replaced(tmp_path):
    for number in (3, 1):
        folder = RequestFolder.prepare(tmp_path / "out", CONTRACT)
        for place in range(1, number + 1):
            folder.write(place, Request("POST", "/x", json={}))
        folder.summarise({})
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0001.json", "summary.json"]
    (tmp_path / "out" / "letter.txt").write_text("dear all")
    with pytest.raises(PermanentError, match="not empty"):
        RequestFolder.prepare(tmp_path / "out", CONTRACT)
    assert (tmp_path / "out" / "letter.txt").read_text() == "dear all"


def test_a_body_that_is_a_file_stands_beside_its_request(tmp_path):
    later: Contract = dataclasses.replace(CONTRACT, platform="later", endpoint="")
    folder = RequestFolder.prepare(tmp_path / "out", later)
    file = {"content": b"\x00line", "content_type": "text/csv"}
    folder.write(1, Request("PUT", "/file", params={"a": "b c"}, headers={"x": "y"}, **file))
    folder.write(2, Request("PUT", "https://files.invalid/up?sig=1", **file))
    first, second = (json.loads((tmp_path / "out" / f"000{n}.json").read_text()) for n in (1, 2))
    assert first["url"] == "https://later.invalid/file?a=b+c"
    assert first["headers"] == {"content-type": "text/csv", "x": "y"}
    assert (tmp_path / "out" / first["body"]["file"]).read_bytes() == b"\x00line"
    assert second["url"] == "https://files.invalid/up?sig=1"
