"""Nothing that Dagster, the sandbox or the clean room writes down names a person or gives away a secret.

All of a world's identifiers are looked for, in every form that we know of: as typed, in normal form, as digest, as
pseudonym. Names of people are left out, since they are ordinary words.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pyarrow.dataset as pads
import pytest

from segment_assets.deployment import checkout
from segment_assets.resources.secrets import LocalSecrets
from segment_assets_tests.orchestration.local_world import ACCOUNT, everything_said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from segment_assets_tests.orchestration.conftest import Walked
    from segment_assets_tests.orchestration.local_world import LocalWorld

pytestmark = pytest.mark.slow

DIGITS = 9
HEX = 16
OUTSIDE_EMAIL = r"\s\"'<>()\[\]{},;=\\"
EMAIL = re.compile(rf"[^{OUTSIDE_EMAIL}]*@[^{OUTSIDE_EMAIL}]+")
NUMBER = re.compile(r"(?<![0-9A-Za-z.-])\+?\(?\d(?:[ ()/.-]{0,2}\d){8,}(?![0-9A-Za-z.])")
HEX_RUN = re.compile(r"[0-9a-fA-F]{16,}")


@dataclasses.dataclass(frozen=True)
class Identifiers:
    """Everybody's identifiers, in forms that can be looked up."""

    emails: frozenset[str]
    phones: frozenset[str]
    customers: frozenset[str]
    digests: frozenset[str]
    secrets: frozenset[str]

    def told_by(self, text: str) -> set[str]:
        """Kinds of identifiers that a text gives away, which may be JSON in JSON."""
        text = re.sub(r"\\+u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), re.sub(r"\\+[nrt]", " ", text))
        kinds = {
            "e-mail": {found.lower().strip(".") for found in emails(text)} & self.emails,
            "phone": {run for found in NUMBER.findall(text) for run in runs(found)} & self.phones,
            "customer": set(re.findall(r"\w+", text)) & self.customers,
            "digest": {run for found in set(HEX_RUN.findall(text)) for run in windows(found.lower())} & self.digests,
            "secret": {secret for secret in self.secrets if secret in text},
        }
        return {kind for kind, found in kinds.items() if found}


def emails(text: str) -> Iterator[str]:
    """What stands around every @: from there, since a search from the left is quadratic in long words."""
    for at in re.finditer("@", text):
        yield from EMAIL.findall(text[max(0, at.start() - 80) : at.end() + 80])


def windows(found: str) -> Iterator[str]:
    """Every stretch of a hex text, so that a shortened digest is found too."""
    return (found[place : place + HEX] for place in range(len(found) - HEX + 1))


def runs(found: str) -> Iterator[str]:
    """The last digits of a number, however it is written: prefixes differ between notations."""
    digits = re.sub(r"\D", "", found)
    yield digits[-DIGITS:]


@pytest.fixture(scope="module")
def everybody(walked: Walked) -> Identifiers:
    home = walked.world.home
    customers = rows(home / "accounts" / "a" / "customers")
    sources = [customers, rows(home / "accounts" / "a" / "opt_outs")]
    people = rows(home / "truth" / "people")
    lake = walked.world.lake
    tables = ("segment_members", "hashed_audience", "suppressions", "changes", "acknowledged")
    kept = [
        row
        for table in tables
        for partition in lake.partitions(table)
        for row in lake.dataset(lake.current(table, partition)).to_table().to_pylist()
    ]
    raw = [row for source in sources for row in source] + kept
    emails = {row.get(name) for row in [*raw, *people] for name in ("email", "email_address", "platform_email")}
    phones = {row.get(name) for row in raw for name in ("phone", "phone_number")}
    digests = {value.hex() for row in kept for value in row.values() if isinstance(value, bytes)}
    digests |= {row["email_sha256"] for row in customers if row["email_sha256"]}
    return Identifiers(
        frozenset(e.strip().lower() for e in emails if isinstance(e, str) and "@" in e),
        frozenset(run for p in phones if isinstance(p, str) for run in runs(p) if len(run) == DIGITS),
        frozenset(row["customer_id"] for row in customers),
        frozenset(digest[:HEX].lower() for digest in digests),
        frozenset({LocalSecrets(home / "secrets").tenant_key("lumen_shop").hex(), token_of(walked.world)}),
    )


def token_of(world: LocalWorld) -> str:
    token = world.definitions().resources[f"account_{ACCOUNT}"].token
    assert len(token) > 10
    return token


def rows(folder: Path) -> list[dict[str, object]]:
    return pads.dataset(folder, format="parquet").to_table().to_pylist()


def test_the_search_knows_everybody_and_finds_what_is_planted(walked: Walked, everybody: Identifiers) -> None:
    assert len(everybody.emails) > 1_500
    assert len(everybody.phones) > 1_000
    assert len(everybody.digests) > 2_000
    email, digest = min(everybody.emails), min(everybody.digests)
    phone = min(everybody.phones)
    planted = {
        "e-mail": f'{{"value": "{email.upper()}"}}',
        "phone": f"call +49 {phone[:3]} {phone[3:6]}-{phone[6:]} now",
        "customer": f"[{min(everybody.customers)}]",
        "digest": f"data/{'ab' * 3}{digest}{'00' * 20}",
        "secret": f"Bearer {token_of(walked.world)}.",
    }
    for kind, text in planted.items():
        assert everybody.told_by(f"before {text} after") == {kind}
    assert everybody.told_by(json.dumps(json.dumps({"said": f"row:\n{email}\n"}))) == {"e-mail"}
    someone = dataclasses.replace(everybody, emails=frozenset({"jürgen@example.de"}))
    assert someone.told_by(json.dumps(["Jürgen@example.de"])) == {"e-mail"}
    assert everybody.told_by("2026-10-05T10:00:00 1,234 rows; snapshot 0123456789ab") == set()


def events(world: LocalWorld) -> Iterator[tuple[str, str]]:
    with world.opened() as instance:
        for run in instance.get_runs():
            for entry in instance.all_logs(run.run_id):
                yield run.run_id, dg.serialize_value(entry)


def test_no_event_of_any_run_tells_anything(walked: Walked, everybody: Identifiers) -> None:
    told = list(events(walked.world))
    assert len({run for run, _ in told}) == len(walked.outcomes)
    assert told_by_any(everybody, (text for _, text in told)) == set()


def told_by_any(everybody: Identifiers, texts: Iterable[str]) -> set[str]:
    return everybody.told_by("\n".join(texts))


def test_no_tag_or_configuration_of_a_run_tells_anything(walked: Walked, everybody: Identifiers) -> None:
    with walked.world.opened() as instance:
        records = [dg.serialize_value(run) for run in instance.get_runs()]
        snapshots = [json.dumps(run.run_config, default=str) for run in instance.get_runs()]
    assert len(records) == len(walked.outcomes)
    assert told_by_any(everybody, [*records, *snapshots]) == set()


def test_no_metadata_of_any_asset_tells_anything(walked: Walked, everybody: Identifiers) -> None:
    texts = []
    with walked.world.opened() as instance:
        for key in instance.all_asset_keys():
            records = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=key), limit=1_000).records
            texts += [dg.serialize_value(record.event_log_entry) for record in records]
    assert len(texts) > 30
    assert told_by_any(everybody, texts) == set()


def test_what_is_printed_below_python_is_collected_too() -> None:
    with everything_said() as said:
        sys.stdout.write("one\n")
        os.write(2, b"two")
    assert said == ["one\ntwo"]


def printed(world: LocalWorld) -> list[str]:
    """What runs have printed, which the UI shows."""
    logs = (path for path in (world.home / "dagster" / "storage").rglob("*") if path.is_file())
    return [path.read_text(errors="replace") for path in logs]


def test_no_log_of_what_the_code_prints_tells_anything(walked: Walked, everybody: Identifiers) -> None:
    assert printed(walked.world)
    assert told_by_any(everybody, printed(walked.world)) == set()
    assert everybody.told_by(walked.said) == set()


def test_the_requests_that_the_sandbox_notes_tell_nothing(walked: Walked, everybody: Identifiers) -> None:
    assert len(walked.requests) > 3
    assert everybody.told_by(json.dumps(list(walked.requests))) == set()
    assert everybody.told_by((walked.world.home / "sandbox" / "sandbox.log").read_text()) == set()


def test_the_log_of_the_clean_room_tells_nothing(walked: Walked, everybody: Identifiers) -> None:
    text = (walked.world.home / "clean_room_results" / "query_log.jsonl").read_text()
    assert len(text.splitlines()) >= 2 * 6
    assert everybody.told_by(text) == set()


def test_the_ledger_and_the_manifests_of_the_lake_tell_nothing(walked: Walked, everybody: Identifiers) -> None:
    """Receipts and counts are read by more people than the tables are."""
    lake = walked.world.home / "lake"
    texts = [path.read_text() for path in lake.rglob("*.json")]
    assert len(texts) > 30
    assert told_by_any(everybody, texts) == set()


def test_what_a_failing_road_says_tells_nothing(
    copied: LocalWorld, everybody: Identifiers, capfd: pytest.CaptureFixture[str]
) -> None:
    """Files that cannot be read and a platform that is away: errors quote no row."""
    from segment_assets_tests.orchestration.local_world import ACTIVATION, HASHED, LANDING_MEMBERS, NEWSLETTER

    folder = copied.home / "landing" / "segments" / NEWSLETTER
    whole = next(folder.glob("*.parquet"))
    whole.write_bytes(whole.read_bytes()[:-100])
    with copied.opened() as instance:
        road = copied.road(instance)
        first = road.run(LANDING_MEMBERS, partition=NEWSLETTER)
        whole.unlink()
        members = copied.home / "lake" / "tables" / "segment_members" / NEWSLETTER
        shutil.rmtree(members)
        second = road.run(HASHED, partition=NEWSLETTER)
        third = road.run(ACTIVATION, partition=NEWSLETTER)
    outcomes = (first, second, third)
    assert [outcome.success for outcome in outcomes] == [False, False, False]
    said = capfd.readouterr()
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    told = [said.out, said.err, *printed(copied), *problems, *(text for _, text in events(copied))]
    assert told_by_any(everybody, told) == set()


RESOURCE = """
{ topLevelResourceDetailsOrError(resourceSelector: {
    repositoryLocationName: "segment_assets", repositoryName: "__repository__", resourceName: "account_%s"
  }) { ... on ResourceDetails { name configuredValues { key value type } } } }
"""


def test_the_ui_shows_an_account_with_its_token_masked(walked: Walked, tmp_path: Path) -> None:
    """What GraphQL answers is what the UI can show."""
    deployment = walked.world.deployment
    environment = {
        **os.environ,
        "SEGMENT_ASSETS_HOME": str(deployment.home),
        "SEGMENT_ASSETS_PLAN": str(deployment.plan_path),
        "DAGSTER_HOME": str(tmp_path),
    }
    command = [str(Path(sys.executable).with_name("dagster-graphql")), "-w", "workspace.yaml", "-t", RESOURCE % ACCOUNT]
    done = subprocess.run(
        command, cwd=checkout(), env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert token_of(walked.world) not in done.stdout
    assert token_of(walked.world) not in done.stderr
    answer = json.loads(next(line for line in done.stdout.splitlines() if line.startswith('{"data"')))
    shown = {v["key"]: v["value"] for v in answer["data"]["topLevelResourceDetailsOrError"]["configuredValues"]}
    assert shown["token"].strip('"') == "********"
    assert shown["account"].strip('"') == walked.world.plan.accounts[ACCOUNT].account


def test_the_repr_of_an_account_does_not_hold_its_token(walked: Walked) -> None:
    assert token_of(walked.world) not in repr(walked.world.definitions().resources[f"account_{ACCOUNT}"])
