"""Everything that is looked at in the AWS world, in the order in which one sets it up.

Belongs here: which thing is looked at with whose keys, and what it is wanted for. Not here: looking, judging.

Configuration is read with the keys of whoever runs this: the roles of the duties need not see it. What a duty does
(writing, listing, asking Clean Rooms, reading secrets) is tried with its role.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import time
from typing import TYPE_CHECKING

from segment_assets import collaboration
from segment_assets.dashboard.quicksight.place import MARK
from segment_assets.doctor import account_probes, quicksight, service_probes, services, storage, storage_probes
from segment_assets.doctor.accounts import judge_secret, judge_terms
from segment_assets.doctor.findings import Check, Level, Subject, examined
from segment_assets.resources.aws.clean_rooms_preflight import Preflight
from segment_assets.resources.aws.secrets import AwsSecrets
from segment_assets.resources.aws.session import AwsSession
from segment_assets.resources.aws.uris import bucket_and_prefix
from segment_assets.tables import CONVERSIONS, CUSTOMERS, OPT_OUTS, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from segment_assets.aws_settings import AwsSettings
    from segment_assets.contracts import Clock, Destination, Transport
    from segment_assets.doctor.findings import Finding
    from segment_assets.plan import Account, Plan

OWN_TABLES = (CUSTOMERS, CONVERSIONS, OPT_OUTS)
# What Glue may call a type whose values we read as the declared one.
_IN_GLUE = {
    Type.STRING: frozenset({"string", "varchar", "char"}),
    Type.INTEGER: frozenset({"tinyint", "smallint", "int", "integer", "bigint"}),
    Type.DOUBLE: frozenset({"float", "double", "decimal"}),
    Type.BOOLEAN: frozenset({"boolean"}),
    Type.DATE: frozenset({"date"}),
    Type.TIMESTAMP: frozenset({"timestamp"}),
    Type.DIGEST: frozenset({"binary"}),
}
_QUOTAS = {"cleanrooms": ("concurrent",), "athena": ("active dml",)}


@dataclasses.dataclass(frozen=True)
class AwsDoctor:
    """`connect` makes the way to a platform account of the plan; None leaves platforms unasked."""

    settings: AwsSettings
    plan: Plan
    connect: Callable[[Account], tuple[Destination, Transport]] | None = None
    clock: Clock = time.time

    def findings(self) -> list[Finding]:
        """All findings. Without credentials there is one: everything else would say the same."""
        first = examined([Check(Subject("credentials", "own"), self._identity)])
        if any(finding.level is Level.WRONG and finding.code != "clock_skew" for finding in first):
            return first
        return [*first, *examined(self._checks())]

    def _checks(self) -> Iterator[Check]:
        settings = self.settings
        for duty, role in settings.roles.items():
            if role:
                yield Check(Subject("credentials", f"role of {duty}"), functools.partial(self._role, duty))
        if settings.kms_key:
            yield Check(Subject("kms", "key"), self._key)
        for bucket in self._buckets():
            yield Check(Subject("s3", bucket), functools.partial(self._bucket, bucket))
        yield Check(Subject("s3", "writes to the lake"), self._writes)
        for name, uri in (("the landing area", settings.landing), ("results", settings.clean_room_results)):
            yield Check(Subject("s3", f"reading {name}"), functools.partial(self._reading, name, uri))
        for name, url in (("landing queue", settings.landing_queue), ("clean room's queue", settings.clean_room_queue)):
            if url:
                yield Check(Subject("sqs", name), functools.partial(self._queue, name, url))
        yield from self._catalog()
        yield Check(Subject("athena", settings.workgroup), self._workgroup)
        yield from self._quicksight()
        yield from self._clean_room()
        for service, words in _QUOTAS.items():
            yield Check(Subject("quotas", service), functools.partial(self._quotas, service, words))
        yield Check(Subject("secrets", "tenant's key"), self._tenant_key)
        for name, account in self.plan.accounts.items():
            yield Check(Subject("accounts", name), functools.partial(self._account, name, account))

    def _identity(self) -> Iterator[Finding]:
        account, arn, ahead = service_probes.look_at_identity(self._own, self.clock)
        yield Subject("credentials", "own").fine(f"account {account}, {arn}")
        clock = Subject("credentials", "clock")
        if ahead is None:
            yield clock.unknown("clock", "AWS did not say what time it is", "look whether NTP runs")
        else:
            yield from services.judge_clock(ahead, clock)

    def _role(self, duty: str) -> Iterator[Finding]:
        account, _, _ = service_probes.look_at_identity(self._session(duty), self.clock)
        yield Subject("credentials", f"role of {duty}").fine(f"it is assumed, in account {account}")

    def _key(self) -> Iterator[Finding]:
        key = storage_probes.look_at_key(self._own, self.settings.kms_key)
        yield from storage.judge_key(key, self.settings.region, Subject("kms", "key"))

    def _buckets(self) -> list[str]:
        told = self.settings
        uris = (told.lake, told.landing, told.clean_room_results, told.dashboards)
        return list(dict.fromkeys(bucket_and_prefix(uri)[0] for uri in uris))

    def _bucket(self, name: str) -> Iterator[Finding]:
        told = self.settings
        lake, landing = bucket_and_prefix(told.lake), bucket_and_prefix(told.landing)
        is_landing = name == landing[0]
        wanted = storage.Wanted(
            told.region,
            told.kms_key,
            landing[1] if is_landing else lake[1] if name == lake[0] else "",
            raw=is_landing,
            is_lake=name == lake[0],
            has_queue=is_landing and bool(told.landing_queue),
        )
        found = storage_probes.look_at_bucket(self._own, name)
        yield from storage.judge_bucket(found, wanted, Subject("s3", name))

    def _writes(self) -> Iterator[Finding]:
        bucket, prefix = bucket_and_prefix(self.settings.lake)
        writes = storage_probes.try_writes(self._session("audience"), bucket, prefix, self.settings.kms_key)
        wanted = storage.Wanted(self.settings.region, self.settings.kms_key, prefix)
        yield from storage.judge_writes(writes, wanted, Subject("s3", "writes to the lake"))

    def _reading(self, name: str, uri: str) -> Iterator[Finding]:
        duty = "audience" if uri == self.settings.landing else "collaboration"
        storage_probes.try_reading(self._session(duty), *bucket_and_prefix(uri))
        yield Subject("s3", f"reading {name}").fine("its keys can be listed")

    def _queue(self, name: str, url: str) -> Iterator[Finding]:
        yield from services.judge_queue(service_probes.look_at_queue(self._own, url), Subject("sqs", name))

    def _catalog(self) -> Iterator[Check]:
        told = self.settings
        for database in dict.fromkeys((told.lake_database, told.account_database)):
            yield Check(Subject("glue", database), functools.partial(self._database, database))
        for table in OWN_TABLES:
            name = f"{told.account_database}.{table.name}"
            yield Check(Subject("glue", name), functools.partial(self._table, name, table.name))

    def _database(self, name: str) -> Iterator[Finding]:
        subject = Subject("glue", name)
        if service_probes.is_database(self._session("audience"), name):
            yield subject.fine("it is there")
        else:
            yield subject.wrong("database_missing", "there is no such database", "create it, or correct its variable")

    def _table(self, name: str, table: str) -> Iterator[Finding]:
        subject = Subject("glue", name)
        found = service_probes.look_at_table(self._session("audience"), self.settings.account_database, table)
        declared = next(one for one in OWN_TABLES if one.name == table)
        types = {column.name: _IN_GLUE[column.type] for column in declared.columns}
        yield from services.judge_table(found, types, subject)
        if found and found.location.startswith("s3://"):
            results = bucket_and_prefix(self.settings.clean_room_results)[0]
            where = {table: bucket_and_prefix(found.location)[0]}
            yield from services.judge_results_bucket(results, where, subject)

    def _workgroup(self) -> Iterator[Finding]:
        name = self.settings.workgroup
        group = service_probes.look_at_workgroup(self._session("insight"), name)
        yield from services.judge_workgroup(group, Subject("athena", name))

    def _quicksight(self) -> Iterator[Check]:
        told = self.settings
        if not told.quicksight_account:
            return
        for arn in dict.fromkeys((*told.quicksight_readers, *told.quicksight_authors)):
            yield Check(Subject("quicksight", arn.rpartition(":")[2]), functools.partial(self._principal, arn))
        yield Check(Subject("quicksight", "data source"), self._data_source)

    def _principal(self, arn: str) -> Iterator[Finding]:
        is_there = quicksight.look_at_principal(arn, self.settings.quicksight_account)
        yield from quicksight.judge_principal(is_there=is_there, subject=Subject("quicksight", arn.rpartition(":")[2]))

    def _data_source(self) -> Iterator[Finding]:
        told = self.settings
        name = f"{MARK}-{self.plan.tenant}"
        found = quicksight.look_at_data_source(self._session("dashboards"), told.quicksight_account, name)
        yield from quicksight.judge_data_source(found, Subject("quicksight", "data source"))

    def _clean_room(self) -> Iterator[Check]:
        yield Check(Subject("clean rooms", "membership"), self._membership)
        yield Check(Subject("clean rooms", "tables"), self._schemas)
        if self.settings.clean_room_templates:
            yield Check(Subject("clean rooms", "templates"), self._templates)

    def _membership(self) -> Iterator[Finding]:
        yield from services.judge_membership(self._preflight.membership(), Subject("clean rooms", "membership"))

    def _schemas(self) -> Iterator[Finding]:
        for status in self._preflight.tables():
            yield from services.judge_schema(status, Subject("clean rooms", f"table {status.name}"))

    def _templates(self) -> Iterator[Finding]:
        for status in self._preflight.templates(self.settings.clean_room_templates):
            yield from services.judge_template(status, Subject("clean rooms", f"template of {status.query}"))

    def _quotas(self, service: str, words: tuple[str, ...]) -> Iterator[Finding]:
        found = service_probes.look_at_quotas(self._own, service, words)
        yield from services.judge_quotas(found, Subject("quotas", service))

    def _tenant_key(self) -> Iterator[Finding]:
        subject = Subject("secrets", "tenant's key")
        if self._secrets("audience").has_tenant_key(self.plan.tenant):
            yield subject.fine("it is there")
        else:
            yield subject.advice(
                "no_tenant_key", "it is made with the first run", "restore it first where this tenant has run before"
            )

    def _account(self, name: str, account: Account) -> Iterator[Finding]:
        from segment_assets.destinations import contract_of

        subject = Subject("accounts", name)
        contract = contract_of(account.destination, account.account, account.settings)
        yield from judge_terms(account, dt.datetime.fromtimestamp(self.clock(), dt.UTC).date(), subject)
        if contract.signed_for:
            yield subject.fine("it needs no secret: its calls are signed with the role of delivery")
        else:
            secret = f"{account.destination}.{account.account}"
            fields = dict(account_probes.fields_of(self._secrets("delivery"), secret))
            # A server's public key is no secret: the plan may have it, but not of a server that the plan chose.
            is_planned = "host_key" in account.settings and "server" not in account.settings
            fields |= {"host_key": ""} if fields and is_planned else {}
            found = list(judge_secret(f"{self.settings.secrets_prefix}/{secret}", fields, contract, subject))
            yield from found
            if any(finding.level is Level.WRONG for finding in found):
                return
        if self.connect is not None:
            yield from account_probes.ask_platform(*self.connect(account), subject)

    def _secrets(self, duty: str) -> AwsSecrets:
        return AwsSecrets(self._session(duty), self.settings.secrets_prefix)

    @functools.cached_property
    def _preflight(self) -> Preflight:
        return Preflight(self._session("collaboration"), self.settings.membership, collaboration.document())

    @property
    def _own(self) -> AwsSession:
        return AwsSession(self.settings.region)

    def _session(self, duty: str) -> AwsSession:
        return AwsSession(self.settings.region, self.settings.roles[duty], self.settings.external_id, duty)
