"""Policies against the code: what a duty may do is what our code does with its role.

The comparison is of calls and duties. That each call is allowed on its own resource, and on no other, is what
test_iam_enforced tries.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import re

import pytest
from click.testing import CliRunner

from segment_assets.assets.weekly_tables import WEEKLY
from segment_assets.cli import main
from segment_assets.contracts import PermanentError
from segment_assets.deployment import Deployment, Kind
from segment_assets.iam import documents, insight_sources
from segment_assets.iam.duties import DUTIES, doctor
from segment_assets.iam.grants import actions_of
from segment_assets.tables import TABLES
from segment_assets.tables.model import Pii
from segment_assets.worlds import aws
from segment_assets_tests.deploy.aws_calls import calls_below, calls_of, calls_to, families
from segment_assets_tests.deploy.sites import ACCOUNT, ACCOUNT_DATA, EXAMPLES, RUNTIME, environment, site

# Signed requests, which no client makes: `AwsTransport` to EventBridge and to destinations (test_iam_destinations).
SIGNED = {"delivery": {"events:PutEvents"}}
# The engine on Glue is handed its clients by the world; Dagster Pipes puts and gets objects with them.
GLUE = calls_to("glue", "resources/glue_identity.py")
# What a class can do and a duty has no use for: the tenant's key is never replaced, and people make accounts' secrets.
UNUSED = {
    "audience": {"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"},
    "delivery": {"secretsmanager:CreateSecret"},
}
# Calls of `segment-assets doctor` with the role of a duty.
DOCTORS = {"audience": {"glue:GetDatabase", "s3:DeleteObject"}}
ELSEWHERE = ("appflow:", "customer-profiles:")


def reached(value: object, seen: tuple[int, ...] = ()) -> dict[str, set[str]]:
    """Role -> modules of `resources/aws` whose objects reach AWS with it, as they hang on a resource."""
    found: dict[str, set[str]] = {}
    if id(value) in seen:
        return found
    named = {slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ())} | set(
        getattr(value, "__dict__", {})
    )
    session = getattr(value, "session", None) or getattr(value, "_session", None)
    module = type(value).__module__
    if session is not None and module.startswith("segment_assets."):
        found.setdefault(session.role_arn, set()).add(module.rpartition(".")[2])
    if module.startswith("segment_assets."):
        for name in named - {"session", "_session"}:
            for arn, modules in reached(getattr(value, name, None), (*seen, id(value))).items():
                found.setdefault(arn, set()).update(modules)
    return found


def family_of(module: str) -> str | None:
    return next((family for family in families() if module == family or module.startswith(f"{family}_")), None)


@pytest.fixture(scope="module")
def calls(tmp_path_factory) -> dict[str, set[str]]:
    """Duty -> calls that our code makes with its role."""
    settings = site().settings
    deployment = Deployment(Kind.AWS, tmp_path_factory.mktemp("home"), aws=settings)
    duty_of = {arn: duty for duty, arn in settings.roles.items()}
    made: dict[str, set[str]] = {duty: set(SIGNED.get(duty, ())) for duty in DUTIES}
    for resource in aws.resources(deployment).values():
        for arn, modules in reached(resource).items():
            for family in filter(None, map(family_of, modules)):
                made[duty_of[arn]] |= calls_of(family)
    made["audience"] |= GLUE
    # An account's own stores (`resources.stores`): its secret, and the state of its breaker in the lake.
    made["delivery"] |= calls_of("secrets")
    return {duty: found - UNUSED.get(duty, set()) for duty, found in made.items()}


def policy(duty: str, **changed: str) -> list[dict]:
    return documents(site(**changed))[f"policy-{duty}.json"]["Statement"]


def allows(statements: list[dict], action: str, resource: str) -> bool:
    return any(
        action in one["Action"] and any(fnmatch.fnmatchcase(resource, pattern) for pattern in one["Resource"])
        for one in statements
    )


@pytest.mark.parametrize("duty", DUTIES)
def test_a_duty_may_make_every_call_that_our_code_makes_with_its_role(duty, calls):
    granted = {action for statement in policy(duty) for action in statement["Action"]}

    assert {action for call in calls[duty] for action in actions_of(call)} - granted == set()


@pytest.mark.parametrize("duty", DUTIES)
def test_a_duty_is_granted_no_call_that_our_code_does_not_make_with_its_role(duty, calls):
    granted = {call for grant in DUTIES[duty](site()) for call in grant.calls if not call.startswith(ELSEWHERE)}
    if duty == "delivery":
        # Files of flows, and breakers: neither is a client's call.
        granted -= {"s3:DeleteObject", "s3:GetObject", "s3:HeadObject", "s3:ListObjectsV2", "s3:PutObject"}

    assert granted - calls[duty] - DOCTORS.get(duty, set()) == set()


def test_every_class_that_speaks_to_aws_is_reached_with_a_role_of_a_duty(calls):
    made = set().union(*calls.values())

    assert {family: calls_of(family) - made for family in families() if calls_of(family) - made} == {}


def test_the_doctor_may_look_at_everything_that_it_looks_at_and_at_nothing_else():
    asked = calls_below("doctor")
    own = {call for grant in doctor(site()) for call in grant.calls}
    with_roles = {call for grants in DUTIES.values() for grant in grants(site()) for call in grant.calls}

    # Who they are everybody may ask.
    assert asked - own - with_roles == {"sts:GetCallerIdentity"}
    assert own - asked == set()
    assert not [
        action
        for one in policy("doctor")
        for action in one["Action"]
        if re.search(r":(Put|Delete|Create|Update)", action)
    ]


def test_the_documents_in_the_checkout_are_those_of_the_example():
    made = documents(site())

    assert {name: json.loads((EXAMPLES / name).read_text()) for name in made} == made
    assert {path.name for path in EXAMPLES.glob("*.json")} == set(made)


def test_the_command_writes_what_the_example_shows(tmp_path):
    arguments = [
        "iam",
        "--account",
        ACCOUNT,
        "--runtime",
        RUNTIME,
        "--account-data",
        *ACCOUNT_DATA,
        "--out",
        str(tmp_path),
    ]

    outcome = CliRunner(env=environment()).invoke(main, arguments)

    assert outcome.exit_code == 0, outcome.output
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        path.name: path.read_text() for path in EXAMPLES.glob("*.json")
    }


def test_the_command_refuses_the_local_world(tmp_path):
    arguments = ["iam", "--account", ACCOUNT, "--runtime", RUNTIME, "--out", str(tmp_path)]

    outcome = CliRunner(env={"SEGMENT_ASSETS_WORLD": "local"}).invoke(main, arguments)

    assert outcome.exit_code == 1
    assert "SEGMENT_ASSETS_WORLD=aws" in outcome.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("duty", DUTIES)
def test_a_policy_names_resources_of_its_own_and_fits_into_a_role(duty):
    statements = policy(duty)
    resources = [
        (action, one) for statement in statements for one in statement["Resource"] for action in statement["Action"]
    ]
    others = {
        (action, one)
        for action, one in resources
        if f":{ACCOUNT}:" not in one and not one.startswith("arn:aws:s3:::lumen-")
    }
    services = {action.partition(":")[0] for statement in statements for action in statement["Action"]}

    # IAM has no resource for the making of a flow; a collaboration may be another member's.
    assert {action for action, one in others if one == "*"} <= {
        "appflow:CreateFlow",
        "quicksight:CreateDataSource",
        "quicksight:ListIngestions",
    }
    assert {one for _, one in others} <= {"*", "arn:aws:cleanrooms:eu-central-1:*:collaboration/*"} | {
        "arn:aws:s3:::sandbox-segments",
        "arn:aws:s3:::sandbox-segments/segment-assets/appflow*",
        "arn:aws:s3:::sandbox-segments/segment-assets/appflow/*",
    }
    assert not [action for action, _ in resources if "*" in action]
    assert "iam" not in services
    assert len(re.sub(r"\s", "", json.dumps(statements))) < 10_240
    assert len({statement["Sid"] for statement in statements}) == len(statements)


@pytest.mark.parametrize(
    ("duty", "action", "resource"),
    [
        ("collaboration", "s3:GetObject", "arn:aws:s3:::lumen-lake/prod/tables/x"),
        ("collaboration", "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:segment-assets/prod/meta.1"),
        ("audience", "s3:PutObject", "arn:aws:s3:::lumen-landing/prod/segments/x"),
        ("audience", "s3:PutObject", "arn:aws:s3:::lumen-own/crm/customers/x"),
        ("audience", "s3:DeleteObject", "arn:aws:s3:::lumen-lake/prod/objects/ledger/x"),
        ("audience", "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:segment-assets/prod/meta.1"),
        ("audience", "secretsmanager:PutSecretValue", f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:segment-assets/prod/lumen_shop.key"),
        ("delivery", "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:segment-assets/prod/lumen_shop.key"),
        ("delivery", "s3:PutObject", "arn:aws:s3:::lumen-lake/prod/objects/ledger/x"),
        ("delivery", "s3:GetObject", "arn:aws:s3:::lumen-lake/prod/tables/hashed_audience/x"),
        ("insight", "s3:PutObject", "arn:aws:s3:::lumen-lake/prod/tables/x"),
        ("insight", "s3:GetObject", "arn:aws:s3:::lumen-lake/prod/objects/ledger/x"),
        ("insight", "s3:GetObject", "arn:aws:s3:::lumen-lake/prod/tables/segment_members/x"),
        ("insight", "s3:GetObject", "arn:aws:s3:::lumen-lake/prod/tables/hashed_audience/x"),
        ("insight", "glue:GetTable", f"arn:aws:glue:eu-central-1:{ACCOUNT}:table/lumen_lake/hashed_audience"),
        ("insight", "glue:GetTable", f"arn:aws:glue:eu-central-1:{ACCOUNT}:table/lumen_own/opt_outs"),
        ("insight", "glue:BatchUpdatePartition", f"arn:aws:glue:eu-central-1:{ACCOUNT}:table/lumen_lake/deliveries"),
    ],
)  # fmt: skip
def test_a_duty_may_not_do_what_is_another_ones(duty, action, resource):
    assert not allows(policy(duty), action, resource)


def test_insight_reads_no_table_of_the_lake_that_has_an_identifier_raw_or_hashed():
    statements = policy("insight")
    identifying = {table.name for table in TABLES.values() for c in table.columns if c.pii in {Pii.RAW, Pii.DIGEST}}
    read = {
        name
        for name in TABLES
        if allows(statements, "s3:GetObject", f"arn:aws:s3:::lumen-lake/prod/tables/{name}/x")
        or allows(statements, "glue:GetTable", f"arn:aws:glue:eu-central-1:{ACCOUNT}:table/lumen_lake/{name}")
    }

    assert read == set(insight_sources.of_lake())
    assert read & identifying == set()
    listed = next(one for one in statements if one["Sid"] == "LakeList")["Condition"]["StringLike"]["s3:prefix"]
    assert listed == [f"prod/tables/{name}/*" for name in sorted(read)]


def test_insight_may_ask_for_every_table_that_its_queries_are_given():
    """Of each the catalogue is asked for its version, also where a query reads no column of it."""
    given = {table.name for one in WEEKLY if one.table.query for table in (*one.room, *one.measured)}

    assert given - set(insight_sources.of_lake()) == set()


def test_objects_that_others_take_away_are_gaps_and_not_refused():
    """S3 says 404 to whoever may list without naming a prefix, and else 403."""
    lists = {one["Sid"]: one["Condition"] for one in policy("audience") if one["Sid"].endswith("List")}

    assert {"LandingList", "AccountData1List"} <= set(lists)
    assert [sid for sid, condition in lists.items() if "StringLike" in condition] == []


def test_the_doctor_may_look_at_both_queues_and_their_dead_letters():
    (statement,) = [one for one in policy("doctor") if "sqs:GetQueueAttributes" in one["Action"]]

    assert {one.rpartition(":")[2] for one in statement["Resource"]} == {
        f"{queue}{suffix}" for queue in ("segment-assets-landing", "segment-assets-clean-room") for suffix in ("", "-*")
    }


def test_a_role_is_assumed_by_the_runtime_under_the_name_of_its_duty():
    (statement,) = documents(site(external_id="shared-word"))["trust-delivery.json"]["Statement"]

    assert statement["Principal"] == {"AWS": RUNTIME}
    assert statement["Condition"] == {
        "StringEquals": {"sts:RoleSessionName": "delivery", "sts:ExternalId": "shared-word"}
    }


def test_the_sessions_of_the_world_carry_the_names_that_the_roles_ask_for(tmp_path):
    held = aws.resources(Deployment(Kind.AWS, tmp_path, aws=site().settings))

    assert held["landing"].session.duty == "audience"
    assert held["clean_room"].session.duty == "collaboration"
    assert held["warehouse"].session.duty == "insight"


def test_the_runtime_may_do_nothing_but_become_one_of_the_four():
    (statement,) = documents(site())["policy-runtime.json"]["Statement"]

    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Resource"] == sorted(site().settings.roles.values())


@pytest.mark.parametrize(
    "bucket", ["lumen-lake", "lumen-landing", "lumen-clean-room-results", "lumen-dashboards", "lumen-own"]
)
def test_every_bucket_refuses_plain_lines_and_other_keys(bucket):
    refused = {
        one["Sid"]: one for one in documents(site())[f"bucket-{bucket}.json"]["Statement"] if one["Effect"] == "Deny"
    }

    assert refused["OnlyOverTls"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert refused["OnlyOverTls"]["Resource"] == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    assert refused["OnlyWithKms"]["Condition"]["StringNotEquals"] == {"s3:x-amz-server-side-encryption": "aws:kms"}
    assert refused["OnlyWithOurKey"]["Condition"]["ArnNotEquals"] == {
        "s3:x-amz-server-side-encryption-aws-kms-key-id": site().settings.kms_key
    }
    assert ("OnlyWithinTheAccount" in refused) == (bucket != "lumen-landing")


def test_no_bucket_policy_lets_anybody_in_but_appflow():
    made = documents(site())
    let_in = {
        name: statement["Principal"]
        for name, document in made.items()
        if name.startswith("bucket-") and "Statement" in document
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
    }

    assert let_in == {"bucket-sandbox-segments.json": {"Service": "appflow.amazonaws.com"}}


def test_a_key_named_by_an_alias_is_granted_by_a_condition_on_the_alias():
    keys = [one for one in policy("audience", kms_key="alias/segment-assets") if one["Sid"].startswith("KeyFor")]

    assert {one["Resource"][0] for one in keys} == {f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/*"}
    assert all(
        one["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/segment-assets"} for one in keys
    )


def test_the_key_is_used_through_one_service_at_a_time():
    keys = {
        one["Sid"]: one["Condition"]["StringEquals"] for one in policy("audience") if one["Sid"].startswith("KeyFor")
    }

    assert keys["KeyForS3"] == {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}
    assert keys["KeyForSecretsmanager"] == {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}


def test_without_a_key_or_queues_nothing_is_granted_on_them():
    made = documents(site(kms_key="", landing_queue="", clean_room_queue=""))
    granted = {
        action
        for name in made
        if name.startswith("policy-")
        for one in made[name]["Statement"]
        for action in one["Action"]
    }

    assert not [action for action in granted if action.startswith(("kms:", "sqs:"))]
    assert not [name for name in made if name.startswith(("key", "queue"))]
    assert made["bucket-encryption.json"]["Rules"][0]["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "AES256"
    }


def test_a_region_elsewhere_has_arns_of_its_own_part_of_the_world():
    made = json.dumps(
        documents(site(region="cn-north-1", kms_key="", landing_queue="", clean_room_queue=""))["policy-insight.json"]
    )

    assert "arn:aws-cn:athena:cn-north-1:" in made
    assert "arn:aws:" not in made


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"account": "12345"}, "12 digits"),
        ({"account": "999999999999"}, "another account"),
        ({"runtime": "segment-assets-runtime"}, "ARN of an IAM role"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(changed, said):
    with pytest.raises(PermanentError, match=said):
        dataclasses.replace(site(), **changed)
