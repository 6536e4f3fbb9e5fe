"""What the doctor makes of what it sees: each state that can be wrong is named, and what is not seen is not judged."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.destinations import contract_of, registry
from segment_assets.doctor import Check, Finding, Level, Subject, examined
from segment_assets.doctor.accounts import judge_secret, judge_terms
from segment_assets.doctor.services import (
    CatalogTable,
    Queue,
    WorkGroup,
    judge_clock,
    judge_membership,
    judge_queue,
    judge_schema,
    judge_table,
    judge_template,
    judge_workgroup,
)
from segment_assets.doctor.storage import (
    BLOCKS,
    Bucket,
    ConditionalWrites,
    Key,
    LifecycleRule,
    Wanted,
    judge_bucket,
    judge_key,
    judge_writes,
)
from segment_assets.plan import load_plan
from segment_assets.resources.aws.clean_rooms_schemas import MembershipStatus, TableStatus, TemplateStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

ABOUT = Subject("area", "thing")
TLS = {"Statement": {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": False}}}}
GOOD = Bucket(
    region="eu-central-1",
    blocks=frozenset(BLOCKS),
    algorithm="aws:kms",
    key="arn:aws:kms:eu-central-1:111122223333:key/k",
    versioning="Enabled",
    rules=[LifecycleRule("all", "", 30, 7)],
    policy=TLS,
    is_public=False,
    tells_eventbridge=True,
)
WANTED = Wanted("eu-central-1", "k", "drop/", raw=True, is_lake=True, has_queue=True)
QUEUE = Queue(
    has_redrive=True,
    max_receives=5,
    dead_letters=0,
    keeps_seconds=345_600,
    dead_letters_keep_seconds=1_209_600,
    is_encrypted=True,
    rules=["landed"],
)
GROUP = WorkGroup("ENABLED", "s3://b/athena/", 10**12, enforced=True, engine="Athena engine version 3")
MEMBER = MembershipStatus("c", "ACTIVE", ("CAN_QUERY", "CAN_RECEIVE_RESULTS"), pays_for_queries=True)
WRITES = ConditionalWrites(
    created=True,
    created_again=False,
    replaced_by_stale=False,
    replaced_by_current=True,
    encryption="aws:kms",
    removed=True,
)


def told(findings: Iterable[Finding]) -> dict[str, Level]:
    """Code -> level of everything that is not as it should be."""
    found = list(findings)
    assert all(finding.action for finding in found if finding.level is not Level.OK)
    return {finding.code: finding.level for finding in found if finding.level is not Level.OK}


def test_good_things_have_nothing_said_against_them() -> None:
    assert told(judge_bucket(GOOD, WANTED, ABOUT)) == {}
    assert told(judge_queue(QUEUE, ABOUT)) == {}
    assert told(judge_workgroup(GROUP, ABOUT)) == {}
    assert told(judge_membership(MEMBER, ABOUT)) == {}
    assert told(judge_key(Key("Enabled", "ENCRYPT_DECRYPT", "eu-central-1"), "eu-central-1", ABOUT)) == {}
    assert told(judge_writes(WRITES, WANTED, ABOUT)) == {}


@pytest.mark.parametrize(
    ("change", "code", "level"),
    [
        ({"region": "us-east-1"}, "bucket_region", Level.WRONG),
        ({"blocks": frozenset(BLOCKS[1:])}, "public_access", Level.WRONG),
        ({"is_public": True}, "public_policy", Level.WRONG),
        ({"policy": {}}, "plain_http", Level.ADVICE),
        ({"policy": {"Statement": [{"Effect": "Allow"} | TLS["Statement"] | {"Effect": "Allow"}]}}, "plain_http", Level.ADVICE),
        ({"algorithm": ""}, "encryption_off", Level.WRONG),
        ({"algorithm": "AES256"}, "encryption_key", Level.WRONG),
        ({"key": "another"}, "encryption_key", Level.ADVICE),
        ({"rules": [LifecycleRule("a", "access_logs/", 3, 3), LifecycleRule("b", "", None, 7)]}, "raw_kept", Level.ADVICE),
        ({"rules": [LifecycleRule("a", "drop/", 30, None)]}, "old_versions_kept", Level.ADVICE),
        ({"versioning": ""}, "no_versions", Level.ADVICE),
        ({"tells_eventbridge": False}, "events_off", Level.WRONG),
        *(({field: None}, "not_allowed", Level.UNKNOWN) for field in ("blocks", "policy", "algorithm", "rules", "tells_eventbridge")),
    ],
)  # fmt: skip
def test_each_thing_about_a_bucket_is_named(change: dict[str, Any], code: str, level: Level) -> None:
    assert told(judge_bucket(dataclasses.replace(GOOD, **change), WANTED, ABOUT)) == {code: level}


def test_a_rule_on_a_prefix_that_nothing_is_written_to_is_named() -> None:
    bucket = dataclasses.replace(GOOD, rules=[LifecycleRule("keep 3 days", "access_logs/", 3, 3)], versioning="")
    said = [f.said for f in judge_bucket(bucket, WANTED, ABOUT) if f.code == "raw_kept"]
    assert said == ["nothing that lands ever expires (the rules keep 3 days are about other prefixes)"]


def test_what_a_bucket_is_not_for_is_not_asked_of_it() -> None:
    plain = dataclasses.replace(GOOD, rules=[], versioning="", tells_eventbridge=False, key="another")
    assert told(judge_bucket(plain, Wanted("eu-central-1", "", ""), ABOUT)) == {}


@pytest.mark.parametrize(
    ("change", "code", "level"),
    [
        ({"has_redrive": False}, "no_dead_letters", Level.WRONG),
        ({"dead_letters": -1}, "no_dead_letters", Level.WRONG),
        ({"dead_letters": 3}, "dead_letters", Level.ADVICE),
        ({"max_receives": 1}, "few_receives", Level.ADVICE),
        ({"dead_letters_keep_seconds": 345_600}, "short_retention", Level.ADVICE),
        ({"is_encrypted": False}, "plain_queue", Level.ADVICE),
        ({"rules": []}, "no_rule", Level.WRONG),
        ({"rules": None}, "not_allowed", Level.UNKNOWN),
    ],
)
def test_each_thing_about_a_queue_is_named(change: dict[str, Any], code: str, level: Level) -> None:
    assert told(judge_queue(dataclasses.replace(QUEUE, **change), ABOUT)) == {code: level}


@pytest.mark.parametrize(
    ("change", "code", "level"),
    [
        ({"state": "DISABLED"}, "workgroup_disabled", Level.WRONG),
        ({"output": ""}, "no_output", Level.WRONG),
        ({"engine": "Athena engine version 2"}, "engine", Level.WRONG),
        ({"cutoff": 0}, "no_cutoff", Level.ADVICE),
        ({"enforced": False}, "not_enforced", Level.ADVICE),
    ],
)
def test_each_thing_about_a_workgroup_is_named(change: dict[str, Any], code: str, level: Level) -> None:
    assert told(judge_workgroup(dataclasses.replace(GROUP, **change), ABOUT)) == {code: level}


def test_what_is_not_there_is_named() -> None:
    assert told(judge_bucket(None, WANTED, ABOUT)) == {"bucket_missing": Level.WRONG}
    assert told(judge_queue(None, ABOUT)) == {"queue_missing": Level.WRONG}
    assert told(judge_workgroup(None, ABOUT)) == {"workgroup_missing": Level.WRONG}
    assert told(judge_table(None, {}, ABOUT)) == {"table_missing": Level.WRONG}
    assert told(judge_key(None, "eu-central-1", ABOUT)) == {"not_allowed": Level.UNKNOWN}


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (Key("PendingDeletion", "ENCRYPT_DECRYPT", "eu-central-1"), "key_disabled"),
        (Key("Enabled", "SIGN_VERIFY", "eu-central-1"), "key_usage"),
        (Key("Enabled", "ENCRYPT_DECRYPT", "us-east-1"), "key_region"),
    ],
)
def test_a_key_that_cannot_be_used_is_named(key: Key, code: str) -> None:
    assert told(judge_key(key, "eu-central-1", ABOUT)) == {code: Level.WRONG}


@pytest.mark.parametrize(
    ("change", "code", "level"),
    [
        ({"created_again": True}, "conditional_writes", Level.WRONG),
        ({"replaced_by_stale": True}, "conditional_writes", Level.WRONG),
        ({"replaced_by_current": False}, "not_writable", Level.WRONG),
        ({"created": False}, "not_writable", Level.WRONG),
        ({"encryption": "AES256"}, "not_encrypted", Level.WRONG),
        ({"removed": False}, "probe_left", Level.ADVICE),
    ],
)
def test_writes_that_the_ledger_cannot_stand_on_are_named(change: dict[str, Any], code: str, level: Level) -> None:
    assert told(judge_writes(dataclasses.replace(WRITES, **change), WANTED, ABOUT)) == {code: level}


def test_a_column_of_another_type_is_named_and_one_with_a_length_is_the_same_type() -> None:
    declared = {"email": frozenset({"string", "varchar"}), "price": frozenset({"double", "decimal"})}
    assert told(judge_table(CatalogTable({"email": "varchar(200)", "price": "DECIMAL(10,2)", "x": "int"}, ""), declared, ABOUT)) == {}  # fmt: skip
    assert told(judge_table(CatalogTable({"email": "int", "price": "double"}, ""), declared, ABOUT)) == {
        "column_types": Level.WRONG
    }


def test_what_clean_rooms_says_against_a_membership_a_table_or_a_template_is_named() -> None:
    assert told(judge_membership(dataclasses.replace(MEMBER, status="REMOVED"), ABOUT)) == {"membership": Level.WRONG}
    assert told(judge_membership(dataclasses.replace(MEMBER, abilities=()), ABOUT)) == {
        "ability_can_query": Level.WRONG,
        "ability_can_receive_results": Level.WRONG,
    }
    assert told(judge_membership(dataclasses.replace(MEMBER, pays_for_queries=False), ABOUT)) == {"payer": Level.ADVICE}
    table = TableStatus("impressions", "444455556666", is_there=True, reasons=("ANALYSIS_RULE_MISSING",))
    (finding,) = judge_schema(table, ABOUT)
    assert (finding.code, finding.level) == ("schema", Level.WRONG)
    assert finding.action == "account 444455556666 has to give the configured table an analysis rule"
    differs = TableStatus("impressions", "444455556666", is_there=True, rule_differences=("joinColumns",))
    assert told(judge_schema(differs, ABOUT)) == {"schema_differs": Level.ADVICE}
    assert told(judge_template(TemplateStatus("overlap", "arn", (), ("it is no SQL",)), ABOUT)) == {
        "template": Level.WRONG
    }


@pytest.mark.parametrize(("seconds", "levels"), [(5, {}), (-60, {"clock_skew": Level.ADVICE}), (250, {"clock_skew": Level.WRONG})])  # fmt: skip
def test_a_clock_is_judged_by_what_aws_takes(seconds: float, levels: dict[str, Level]) -> None:
    assert told(judge_clock(seconds, ABOUT)) == levels


RENEWED = {"access_token": "", "refresh_token": "", "token_url": "", "client_id": "", "client_secret": ""}


@pytest.mark.parametrize(
    ("destination", "fields", "codes"),
    [
        ("meta", {}, {"secret_missing": Level.WRONG}),
        ("meta", RENEWED, {}),
        ("meta", {"access_token": ""}, {"not_renewed": Level.ADVICE}),
        ("meta", {"client_id": ""}, {"secret_fields": Level.WRONG}),
        ("meta", {"access_token": "", "refresh_token": ""}, {"secret_fields": Level.WRONG}),
        ("criteo", {"grant_type": "client_credentials", "token_url": "", "client_id": "", "client_secret": ""}, {}),
        ("criteo", {"grant_type": "client_credentials", "token_url": ""}, {"secret_fields": Level.WRONG}),
        ("the_trade_desk", {"grant_type": "login", "token_url": "", "login": "", "password": ""} | dict.fromkeys(
            ("identity_map_key", "identity_map_secret"), ""), {}),
        ("the_trade_desk", {"grant_type": "login", "token_url": "", "login": ""}, {"secret_fields": Level.WRONG}),
        ("microsoft_ads", RENEWED, {"secret_fields": Level.WRONG}),
    ],
)  # fmt: skip
def test_a_secret_is_held_against_what_its_contract_and_its_renewal_need(
    destination: str, fields: dict[str, str], codes: dict[str, Level]
) -> None:
    assert told(judge_secret("prod/x.1", fields, registry()[destination], ABOUT)) == codes


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ({"user": "", "password": "", "host_key": ""}, {}),
        ({"user": "", "private_key": "", "host_key": ""}, {}),
        ({"user": "", "password": ""}, {"secret_fields": Level.WRONG}),
        ({"user": "", "host_key": ""}, {"secret_fields": Level.WRONG}),
    ],
)
def test_a_server_of_files_needs_a_user_a_way_to_prove_it_and_the_servers_key(
    fields: dict[str, str], codes: dict[str, Level]
) -> None:
    contract = contract_of("liveramp", "lumen", {"transport": "sftp"})
    assert told(judge_secret("prod/liveramp.lumen", fields, contract, ABOUT)) == codes


def test_terms_that_were_accepted_long_ago_are_looked_at_again() -> None:
    account = load_plan().accounts["lumen_eu"]
    day = account.terms_accepted_on
    assert told(judge_terms(account, day + dt.timedelta(365), ABOUT)) == {}
    assert told(judge_terms(account, day + dt.timedelta(366), ABOUT)) == {"old_terms": Level.ADVICE}


def test_an_error_of_one_look_is_a_finding_and_the_next_thing_is_looked_at() -> None:
    def failing(error: Exception) -> Any:
        yield ABOUT.fine("so far")
        raise error

    denied = NeedsHumanError("S3 bucket x: AccessDenied; look at the role, `doctor` helps")
    denied.code = "AccessDenied"
    errors = [denied, TransientError("S3: no answer; tried again later"), PermanentError("not so")]
    found = examined([Check(ABOUT, lambda e=e: failing(e)) for e in errors])
    assert [(f.code, f.said, f.action) for f in found if f.level is Level.WRONG] == [
        ("AccessDenied", "S3 bucket x: AccessDenied", "look at the role, `doctor` helps"),
        ("not_reached", "S3: no answer", "tried again later"),
        ("refused", "not so", "see docs/aws.md"),
    ]
    assert [finding.level for finding in found].count(Level.OK) == 3
