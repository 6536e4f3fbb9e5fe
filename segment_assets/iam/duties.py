"""The duties, and what each may do.

Belongs here: calls, resources, and the reason of every action that is not a call of ours. Not here: JSON (`grants`),
policies of buckets, keys and roles (`around`).

`also` is what AWS asks of the caller behind a call: Athena reads Glue and S3 with the caller's rights, Clean Rooms
writes a result with them, and S3 asks KMS with them (the user guides of the three, as of autumn 2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.iam import glue_job, insight_sources, quicksight, services
from segment_assets.iam.grants import Grant
from segment_assets.iam.parts import READ, READ_KEY, WRITE, WRITE_KEY, files, folders, key, ours, queue, queues

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from segment_assets.iam.site import Site

# Where the breakers of accounts are in a lake (`delivery.breaker`).
_ACCOUNTS = "objects/platform_accounts/"
_LOOKED_AT = ("cleanrooms:GetCollaborationAnalysisTemplate", "cleanrooms:GetSchema")
_CATALOGUE_READ = ("glue:GetDatabase", "glue:GetPartitions", "glue:GetTable")


def collaboration(site: Site) -> list[Grant]:
    """Queries in the clean room, and their results."""
    told = site.settings
    membership = site.arn("cleanrooms", f"membership/{told.membership}")
    return [
        Grant(
            sid="StartQueries",
            calls=("cleanrooms:StartProtectedQuery",),
            # Asked of whoever starts one, for the tables and templates that it names, which are other members' too.
            also=_LOOKED_AT,
            resources=(membership, *_tables_and_templates(site, membership)),
        ),
        Grant(
            sid="FollowQueries",
            calls=(
                "cleanrooms:GetMembership",
                "cleanrooms:GetProtectedQuery",
                "cleanrooms:ListProtectedQueries",
                "cleanrooms:UpdateProtectedQuery",
            ),
            resources=(membership,),
        ),
        Grant(
            sid="LookBeforeAQuery",
            calls=(
                "cleanrooms:BatchGetCollaborationAnalysisTemplate",
                "cleanrooms:BatchGetSchema",
                "cleanrooms:BatchGetSchemaAnalysisRule",
            ),
            also=_LOOKED_AT,
            resources=_tables_and_templates(site, membership),
        ),
        Grant(
            sid="WriteResultsThroughCleanRooms",
            calls=(),
            # Never a call of ours: Clean Rooms puts the result there in the name of whoever started the query.
            also=("s3:GetBucketLocation", "s3:ListBucket", "s3:PutObject"),
            resources=(site.bucket(told.clean_room_results), site.objects(told.clean_room_results)),
            condition={"ForAnyValue:StringEquals": {"aws:CalledVia": "cleanrooms.amazonaws.com"}},
        ),
        *_analysis_log(site),
        *files(site, "Results", told.clean_room_results, READ),
        *queue(site, "CleanRoomEvents", told.clean_room_queue),
        *key(site, "s3", WRITE_KEY),
        *(key(site, "sqs", READ_KEY) if told.clean_room_queue else []),
    ]


def _analysis_log(site: Site) -> list[Grant]:
    if not site.settings.clean_room_log_group:
        return []
    group = site.arn("logs", f"log-group:{site.settings.clean_room_log_group}")
    return [Grant(sid="ReadAnalysisLog", calls=("logs:FilterLogEvents",), resources=(group, f"{group}:*"))]


def audience(site: Site) -> list[Grant]:
    """The lake with its catalogue, account A's tables, files that land, the tenant's key, pages."""
    told = site.settings
    return [
        *files(site, "Lake", told.lake, (*READ, *WRITE), finds_gaps=True),
        Grant(
            sid="RemoveTheDoctorsProbe",
            calls=("s3:DeleteObject",),
            resources=(site.objects(told.lake, "doctor/"),),
            condition=ours(site),
        ),
        # A file may vanish between the listing and the fetch: that passes, and is no matter of rights.
        *files(site, "Landing", told.landing, READ, finds_gaps=True),
        *(
            grant
            for place, data in enumerate(site.account_data, 1)
            for grant in files(site, f"AccountData{place}", data, READ, finds_gaps=True)
        ),
        Grant(
            sid="PutPages", calls=("s3:PutObject",), resources=(site.objects(told.dashboards),), condition=ours(site)
        ),
        Grant(
            sid="ReadCatalogue",
            calls=_CATALOGUE_READ,
            resources=site.glue(told.account_database, told.lake_database),
        ),
        Grant(
            sid="PublishInCatalogue",
            calls=(
                "glue:BatchUpdatePartition",
                "glue:CreateDatabase",
                "glue:CreatePartition",
                "glue:CreateTable",
                "glue:UpdateTable",
            ),
            resources=site.glue(told.lake_database),
        ),
        Grant(
            sid="TenantKey",
            calls=("secretsmanager:GetSecretValue", "secretsmanager:CreateSecret"),
            resources=site.secret(f"{site.plan.tenant}.key"),
        ),
        *glue_job.caller(site),
        *queue(site, "LandingEvents", told.landing_queue),
        *key(site, "s3", WRITE_KEY),
        *key(site, "secretsmanager", WRITE_KEY),
        *(key(site, "sqs", READ_KEY) if told.landing_queue else []),
    ]


def delivery(site: Site) -> list[Grant]:
    """Platforms' tokens, the state of their accounts, destinations that are services of AWS, and the event bus."""
    told = site.settings
    return [
        Grant(
            sid="PlatformTokens",
            calls=(
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ),
            # By platform: a policy has 10,240 characters, and the accounts of a plan have no number.
            resources=tuple(site.secret(f"{platform}.*")[0] for platform in site.platforms()),
        ),
        *files(site, "AccountsState", told.lake, (*READ, "s3:PutObject"), below=_ACCOUNTS, finds_gaps=True),
        *services.appflow(site),
        *services.customer_profiles(site),
        *services.files_of_others(site),
        Grant(sid="TellTheBus", calls=("events:PutEvents",), resources=(site.bus(),)),
        *key(site, "s3", WRITE_KEY),
        *key(site, "secretsmanager", WRITE_KEY),
    ]


def insight(site: Site) -> list[Grant]:
    """Athena, with what its engine reads and writes in the caller's name."""
    told = site.settings
    # The lake has identifiers of everybody: whoever may start a query could read every table that this role may.
    lake = insight_sources.of_lake()
    return [
        Grant(
            sid="AskAthena",
            calls=(
                "athena:GetQueryExecution",
                "athena:GetWorkGroup",
                "athena:StartQueryExecution",
                "athena:StopQueryExecution",
            ),
            resources=(site.arn("athena", f"workgroup/{told.workgroup}"),),
        ),
        Grant(
            sid="ReadCatalogue",
            calls=("glue:BatchGetPartition",),
            also=("glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"),
            resources=[
                *site.glue(),
                *site.tables(told.lake_database, lake),
                *site.tables(told.account_database, insight_sources.of_account()),
            ],
        ),
        *folders(site, "Lake", f"{told.lake.rstrip('/')}/tables", lake, READ),
        *(
            grant
            for place, address in enumerate(site.account_data, 1)
            for grant in files(site, f"Data{place}", address, READ)
        ),
        *files(
            site,
            "Answers",
            f"{told.lake.rstrip('/')}/athena",
            READ,
            also=("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"),
        ),
        Grant(
            sid="FindBuckets",
            calls=(),
            also=("s3:GetBucketLocation", "s3:ListBucketMultipartUploads"),
            resources=tuple(sorted({site.bucket(address) for address in (told.lake, *site.account_data)})),
            condition=ours(site),
        ),
        *key(site, "s3", WRITE_KEY),
    ]


def doctor(site: Site) -> list[Grant]:
    """No duty: what `segment-assets doctor` reads of the set-up, with the keys of whoever runs it."""
    told = site.settings
    places = (told.lake, told.landing, told.clean_room_results, told.dashboards)
    return [
        Grant(
            sid="LookAtBuckets",
            calls=(
                "s3:GetBucketEncryption",
                "s3:GetBucketLifecycleConfiguration",
                "s3:GetBucketNotificationConfiguration",
                "s3:GetBucketPolicy",
                "s3:GetBucketPolicyStatus",
                "s3:GetBucketVersioning",
                "s3:GetPublicAccessBlock",
                "s3:HeadBucket",
            ),
            resources=tuple(dict.fromkeys(site.bucket(place) for place in places)),
        ),
        Grant(
            sid="LookAtQueues",
            calls=("sqs:GetQueueAttributes", "sqs:GetQueueUrl"),
            resources=(*queues(site, told.landing_queue), *queues(site, told.clean_room_queue)),
        ),
        Grant(
            sid="LookAtRules",
            calls=("events:ListRuleNamesByTarget",),
            # IAM knows no resource for either.
            resources=("*",) if told.landing_queue or told.clean_room_queue else (),
        ),
        Grant(sid="LookAtQuotas", calls=("service-quotas:ListServiceQuotas",), resources=("*",)),
        Grant(
            sid="LookAtKey",
            calls=("kms:DescribeKey",),
            resources=(site.key()[0],) if told.kms_key else (),
            condition=site.key()[1],
        ),
        *quicksight.looks(site),
    ]


DUTIES: Mapping[str, Callable[[Site], Sequence[Grant]]] = {
    "collaboration": collaboration,
    "audience": audience,
    "delivery": delivery,
    "insight": insight,
    "dashboards": quicksight.dashboards,
}


def _tables_and_templates(site: Site, membership: str) -> tuple[str, ...]:
    """Ours, other members' templates that the settings name, and the collaboration, which has the other tables.

    A collaboration belongs to the account that made it, and the settings know only our membership of it.
    """
    return (
        f"{membership}/analysistemplate/*",
        f"{membership}/configuredtableassociation/*",
        f"arn:{site.partition}:cleanrooms:{site.settings.region}:*:collaboration/*",
        *site.settings.clean_room_templates.values(),
    )
