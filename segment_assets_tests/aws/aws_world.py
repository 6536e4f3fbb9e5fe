"""A deployment in the AWS world over loopback: MiniStack, our stand-ins for Clean Rooms and Athena, the platform sandbox.

Belongs here: what an account has before the first run, and the handling that tests of the whole road share.
Not here: any expectation.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from segment_assets import collaboration
from segment_assets.aws_settings import AwsSettings
from segment_assets.definitions import build_definitions
from segment_assets.deployment import Deployment, Kind
from segment_assets.resources.aws import session as sessions
from segment_assets.resources.aws.catalog import table_input
from segment_assets.resources.aws.session import AwsSession
from segment_assets.road import Road, open_instance
from segment_assets.sandbox import process
from segment_assets.sandbox.aws import athena
from segment_assets.sandbox.aws.clean_rooms import app as clean_rooms_app
from segment_assets.sandbox.aws.clean_rooms.engine import Engine
from segment_assets.sandbox.aws.clean_rooms.service import CleanRooms
from segment_assets.tables import TABLES, ComputedIn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import dagster as dg

    from segment_assets.plan import Account, Plan
    from segment_assets_tests.aws.emulators import Emulator
    from segment_assets_tests.aws.faults import Proxy
    from segment_assets_tests.orchestration.local_world import LocalWorld

REGION = "us-east-1"
WORKGROUP = "insight"


@dataclasses.dataclass(frozen=True)
class AwsWorld:
    """One deployment. `own` is account A's bucket, `partner` account B's. Fits `local_world.walk`."""

    home: Path
    settings: AwsSettings
    own: str
    partner: str
    room: CleanRooms
    athena: athena.AthenaStandIn
    plan_file: Path

    @property
    def deployment(self) -> Deployment:
        return Deployment(Kind.AWS, self.home, self.plan_file, aws=self.settings)

    @property
    def plan(self) -> Plan:
        return self.deployment.plan()

    @property
    def landing(self) -> Any:
        return self.deployment.resources()["landing"]

    @property
    def lake(self) -> Any:
        return self.deployment.resources()["lake"]

    @property
    def session(self) -> AwsSession:
        return AwsSession(REGION)

    def road(self, instance: dg.DagsterInstance, **overrides: object) -> Road:
        return Road(self.deployment, instance, build_definitions(self.deployment, overrides))

    def environment(self) -> dict[str, str]:
        """What a process is told that is to run in this deployment, beside AWS_*."""
        told = {"SEGMENT_ASSETS_WORLD": "aws", "SEGMENT_ASSETS_HOME": str(self.home)}
        told["SEGMENT_ASSETS_PLAN"] = str(self.plan_file)
        for field in dataclasses.fields(self.settings):
            value = getattr(self.settings, field.name)
            if value:
                text = value if isinstance(value, str) else json.dumps(value)
                told[f"SEGMENT_ASSETS_{field.name.upper()}"] = text
        return told

    @contextlib.contextmanager
    def opened(self) -> Iterator[dg.DagsterInstance]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", "")
            with open_instance(self.home) as instance:
                yield instance


@contextlib.contextmanager
def standing(emulator: Emulator, like: LocalWorld, home: Path, name: str) -> Iterator[AwsWorld]:
    """An account with the inputs of a local world: tables, landing files, tenant's key, and tokens for every account.

    `name` keeps the buckets of several worlds apart. The platform sandbox of `home` is running.
    """
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for key, value in emulator.environment().items():
            patch.setenv(key, value)
        # The sandbox's AppFlow knows callers by this key; MiniStack lets every key in.
        patch.setenv("AWS_ACCESS_KEY_ID", "sandbox-salesforce-token")
        patch.setenv("SEGMENT_ASSETS_SANDBOX_LATENCY_MS", "0")
        stack.callback(forget_clients)
        forget_clients()
        session = AwsSession(REGION)
        own, partner = f"{name}-own", f"{name}-partner"
        _fill(session, like.home, own, partner)
        document = collaboration.document()
        folders = {table: f"s3://{_bucket(table, own, partner)}/{_folder(table)}" for table in _CONTRIBUTED}
        engine = Engine(document, folders, session.client("s3"), home / "stand-in")
        room = CleanRooms(document, engine, region=REGION, at_once=True)
        patch.setenv("AWS_ENDPOINT_URL_CLEANROOMS", stack.enter_context(clean_rooms_app.serving(room)))
        database = name.replace("-", "_")
        warehouse = stack.enter_context(athena.serving(AwsSession(REGION, duty="athena"), home / "spill"))
        patch.setenv("AWS_ENDPOINT_URL_ATHENA", warehouse.endpoint)
        platforms = process.start(home / "sandbox")
        stack.callback(process.stop, home / "sandbox")
        settings = AwsSettings(
            region=REGION,
            lake=f"s3://{own}/lake",
            landing=f"s3://{own}/landing",
            clean_room_results=f"s3://{name}-results/queries",
            dashboards=f"s3://{own}/pages",
            lake_database=f"{database}_lake",
            account_database=f"{database}_account",
            workgroup=WORKGROUP,
            membership=room.catalog.membership,
            secrets_prefix=name,
            endpoints={destination: f"{platforms.url}/{destination}" for destination in _DESTINATIONS}
            | {"s3": f"{platforms.url}/salesforce/s3"},
        )
        plan_file = like.home / "plan.yaml"
        world = AwsWorld(home, settings, own, partner, room, warehouse, plan_file)
        _keep_secrets(session, like, world.plan, name)
        _catalogue(session, settings.account_database, own, like.home / "accounts" / "a")
        yield world


_CONTRIBUTED = ("customers", "conversions", "opt_outs", "impressions")
_DESTINATIONS = ("meta", "google", "salesforce")


def _fill(session: AwsSession, home: Path, own: str, partner: str) -> None:
    s3 = session.client("s3")
    # Clean Rooms refuses results in a bucket that is a source of the collaboration.
    for bucket in (own, partner, f"{own.removesuffix('-own')}-results"):
        s3.create_bucket(Bucket=bucket)
    for table in _CONTRIBUTED:
        local = home / "accounts" / ("b" if _is_partners(table) else "a") / table
        for file in local.rglob("*.parquet"):
            key = f"{_folder(table)}/{file.relative_to(local)}"
            s3.upload_file(str(file), _bucket(table, own, partner), key)
    for file in (path for path in (home / "landing").rglob("*") if path.is_file()):
        s3.upload_file(str(file), own, f"landing/{file.relative_to(home / 'landing')}")


def _is_partners(table: str) -> bool:
    return TABLES[table].computed_in is ComputedIn.PARTNER


def _bucket(table: str, own: str, partner: str) -> str:
    return partner if _is_partners(table) else own


def _folder(table: str) -> str:
    return f"account/{table}"


def _keep_secrets(session: AwsSession, like: LocalWorld, plan: Plan, prefix: str) -> None:
    """The tenant's key is the local world's, so that pseudonyms are the same in both."""
    key = (like.home / "secrets" / f"{plan.tenant}.key").read_text().strip()
    session.client("secretsmanager").create_secret(Name=f"{prefix}/{plan.tenant}.key", SecretString=key)
    for account in plan.accounts.values():
        _keep_token(session, prefix, account)


def keep_tokens(world: AwsWorld, names: Iterable[str]) -> None:
    """Tokens of further accounts of the plan."""
    for name in names:
        _keep_token(world.session, world.settings.secrets_prefix, world.plan.accounts[name])


def _keep_token(session: AwsSession, prefix: str, account: Account) -> None:
    name = f"{prefix}/{account.destination}.{account.account}"
    token = json.dumps({"access_token": f"sandbox-{account.destination}-token"})
    session.client("secretsmanager").create_secret(Name=name, SecretString=token)


def _catalogue(session: AwsSession, database: str, own: str, folder: Path) -> None:
    """What the owner of account A's tables registers in Glue."""
    glue = session.client("glue")
    glue.create_database(DatabaseInput={"Name": database})
    for name in (name for name in _CONTRIBUTED if not _is_partners(name)):
        weeks = sorted(path.name.removeprefix("week=") for path in (folder / name).glob("week=*"))
        told = table_input(TABLES[name], f"s3://{own}/{_folder(name)}/", "week" if weeks else "")
        glue.create_table(DatabaseName=database, TableInput=told)
        for week in weeks:
            place = {**told["StorageDescriptor"], "Location": f"s3://{own}/{_folder(name)}/week={week}/"}
            glue.create_partition(
                DatabaseName=database, TableName=name, PartitionInput={"Values": [week], "StorageDescriptor": place}
            )


@contextlib.contextmanager
def reached_by(proxy: Proxy) -> Iterator[None]:
    """Have S3 reached through a proxy until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        forget_clients()
        try:
            yield
        finally:
            patch.undo()
            forget_clients()


def forget_clients() -> None:
    """Clients keep the addresses that they were made with."""
    sessions._forget()
