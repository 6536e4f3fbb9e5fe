"""The AWS world: the same road in one account and Region, every port an AWS service.

Belongs here: the AWS class of every port, and which role each is reached with. Not here: the classes (`resources.aws`),
the settings (`aws_settings`).

| duty | reached with its role |
|---|---|
| collaboration | Clean Rooms, its results, its events |
| audience | the lake and its catalogue, the landing area, account A's tables, the tenant's key, the pages |
| delivery | platforms' tokens, the state of accounts, AppFlow, Customer Profiles, LiveRamp's bucket, EventBridge |
| insight | Athena, which reads the lake and writes answers |
| dashboards | QuickSight |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets import processes
from segment_assets.contracts import NeedsHumanError, PermanentError
from segment_assets.dashboard.quicksight.place import ImportMode
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.aws.account_tables import GlueAccountTables
from segment_assets.resources.aws.analysis_log import CloudWatchAnalysisLog
from segment_assets.resources.aws.athena import AthenaWarehouse
from segment_assets.resources.aws.catalog import GlueCatalog
from segment_assets.resources.aws.clean_rooms import AwsCleanRoom
from segment_assets.resources.aws.clean_rooms_preflight import Preflight
from segment_assets.resources.aws.lake import S3Lake
from segment_assets.resources.aws.landing import S3Landing
from segment_assets.resources.aws.metrics import EmbeddedMetrics
from segment_assets.resources.aws.pages import S3Pages
from segment_assets.resources.aws.queue import EventQueue, LandingEvents
from segment_assets.resources.aws.quicksight import QuickSightAccount
from segment_assets.resources.aws.secrets import AwsSecrets
from segment_assets.resources.aws.session import AwsSession
from segment_assets.resources.aws_transport import AwsTransport
from segment_assets.resources.clean_room import Pace
from segment_assets.resources.events import EventBridge
from segment_assets.resources.identity_engine import LocalSpark
from segment_assets.resources.quicksight_files import QuickSightFiles
from segment_assets.tables import ANALYSIS_LOG, HASHED_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from segment_assets.aws_settings import AwsSettings
    from segment_assets.deployment import Deployment
    from segment_assets.resources.identity_engine import IdentityEngine
    from segment_assets.resources.ports import QuickSight


def resources(deployment: Deployment) -> dict[str, object]:
    """Resources by the names that assets ask for. Nothing is asked of AWS before one of them is used."""
    told, workdir = settings_of(deployment), processes.workdir(deployment.home)
    sessions = {duty: AwsSession(told.region, role, told.external_id, duty) for duty, role in told.roles.items()}
    room = _clean_room(told, sessions["collaboration"])
    accounts = GlueAccountTables(sessions["audience"], told.account_database, _partner(room), workdir)
    catalog = GlueCatalog(sessions["audience"], told.lake_database)
    lake = S3Lake(sessions["audience"], told.lake, kms_key=told.kms_key, catalog=catalog, workdir=workdir)
    metrics = EmbeddedMetrics()
    pages = S3Pages(sessions["audience"], told.dashboards, told.kms_key)
    return {
        "lake": lake,
        "accounts": accounts,
        "clean_room": room,
        "analysis_log": CloudWatchAnalysisLog(
            sessions["collaboration"], told.clean_room_log_group, ANALYSIS_LOG.retention_days
        ),
        "landing": _landing(told, sessions["audience"], workdir),
        "secrets": AwsSecrets(
            sessions["audience"],
            told.secrets_prefix,
            kms_key=told.kms_key,
            may_create_key=lambda: not lake.partitions(HASHED_AUDIENCE.name),
        ),
        "warehouse": AthenaWarehouse(
            sessions["insight"],
            told.workgroup,
            told.lake_database,
            told.account_database,
            results=f"{told.lake.rstrip('/')}/athena",
            account_version=accounts.version,
            usd_per_terabyte=told.usd_per_tb_scanned or None,
            tell_again=lake.tell_again,
        ),
        # A task's disk goes with the task: what was told is kept in the lake.
        "alerts": Alerts(deployment.home / "alerts", deployment.webhook, *deployment.mail, marks=lake, metrics=metrics),
        "events": _AccountsEvents(sessions["delivery"], told.event_bus),
        "workdir": workdir,
        "identity_engine": _identity_engine(deployment, told, sessions["audience"]),
        "metrics": metrics,
        "pages": pages,
        "quicksight": _quicksight(told, sessions["dashboards"], pages),
    }


def account_settings(
    deployment: Deployment, destination: str, account: str, settings: Mapping[str, str]
) -> dict[str, Any]:
    """The platform's own address for an account unless the deployment names another, and the stores of this account."""
    told = settings_of(deployment)
    published = _published(destination, account, settings).replace("us-east-1", told.region)
    return {
        "endpoint": told.endpoints.get(destination, published),
        "is_diverted": destination in told.endpoints,
        "identity_map": told.endpoints.get(f"{destination}.identity_map", ""),
        "files_endpoint": told.endpoints.get("s3", ""),
        "lake_home": told.lake,
        "secrets_home": f"secretsmanager:{told.secrets_prefix}",
        "region": told.region,
        "role_arn": told.role_delivery,
        "external_id": told.external_id,
        "kms_key": told.kms_key,
    }


def _published(destination: str, account: str, settings: Mapping[str, str]) -> str:
    from segment_assets.destinations import contract_of, registry

    try:
        return contract_of(destination, account, settings).endpoint
    except PermanentError:
        # What is wrong with the account stops its own runs, which say so, and not every definition.
        return registry()[destination].endpoint


def settings_of(deployment: Deployment) -> AwsSettings:
    """What this deployment was told. Raises NeedsHumanError outside the AWS world."""
    if deployment.aws is None:
        raise NeedsHumanError("this deployment was told nothing of AWS; set SEGMENT_ASSETS_WORLD=aws and its variables")
    return deployment.aws


def _clean_room(told: AwsSettings, session: AwsSession) -> AwsCleanRoom:
    from segment_assets import collaboration

    queue = EventQueue(session, told.clean_room_queue) if told.clean_room_queue else None
    return AwsCleanRoom(
        session,
        told.membership,
        told.clean_room_results,
        worker=told.worker,
        templates=told.clean_room_templates,
        usd_per_unit=told.usd_per_crpu_hour,
        preflight=Preflight(session, told.membership, collaboration.document()),
        queue=queue,
        # Queries take minutes: a run that starts one leaves it to the follower.
        pace=Pace(look_for=0.0),
    )


def _quicksight(told: AwsSettings, session: AwsSession, pages: S3Pages) -> QuickSight:
    """The account's QuickSight where it is named, otherwise files beside the pages."""
    if not told.quicksight_account:
        return QuickSightFiles(pages, told.region, told.workgroup, told.lake_database)
    return QuickSightAccount(
        session=session,
        account=told.quicksight_account,
        partition=told.partition,
        workgroup=told.workgroup,
        database=told.lake_database,
        mode=ImportMode(told.quicksight_import),
        readers=told.quicksight_readers,
        authors=told.quicksight_authors,
    )


def _landing(told: AwsSettings, session: AwsSession, workdir: Path) -> S3Landing:
    """With a queue, the events of its bucket say which folders have changed."""
    if not told.landing_queue:
        return S3Landing(session, told.landing, workdir)
    events = LandingEvents(EventQueue(session, told.landing_queue, wait=0), told.landing)
    return S3Landing(session, told.landing, workdir, events)


def _identity_engine(deployment: Deployment, told: AwsSettings, session: AwsSession) -> IdentityEngine:
    """Glue where a job is named. Otherwise Spark of this machine, which a container has not, and which says so."""
    if not told.glue_job:
        return LocalSpark(deployment.glue_script, processes.workdir(deployment.home))
    from segment_assets.resources.glue_identity import GlueSettings, GlueSpark

    bucket = told.glue_staging.removeprefix("s3://").partition("/")[0]
    settings = GlueSettings(told.glue_job, bucket, told.glue_staging, told.glue_wheel)
    return GlueSpark(settings, lambda: session.client("glue"), lambda: session.client("s3"), session.filesystem)


def _partner(room: AwsCleanRoom) -> Any:
    assert room.preflight is not None
    return room.preflight.partner_table


class _AccountsEvents:
    """EventBridge, signed with keys that are looked for when an event is put."""

    def __init__(self, session: AwsSession, bus: str) -> None:
        self._session, self._bus = session, bus

    def put(self, source: str, detail_type: str, detail: Mapping[str, object]) -> str:
        """As EventBridge."""
        address = self._session.client("events").meta.endpoint_url
        transport = AwsTransport(
            self._session.region,
            service="events",
            endpoints={"events": address},
            credentials=self._session.renewed_credentials(),
        )
        try:
            return EventBridge(transport, self._bus).put(source, detail_type, detail)
        finally:
            transport.close()
