"""Dashboards in an account's QuickSight, kept equal to a bundle: described, compared, created or updated.

Belongs here: the order of calls for each kind of resource. Not here: how a call is made (`quicksight_calls`), what is
in a definition (`dashboard.quicksight`). Nothing is ever deleted.

Tried against a stand-in that holds requests and answers against botocore's model (2018-04-01), never against AWS.
https://docs.aws.amazon.com/quicksight/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, PermanentError
from segment_assets.dashboard.quicksight.place import ImportMode, Place
from segment_assets.resources.aws.quicksight_calls import GOOD, Calls, Patience, holds
from segment_assets.resources.aws.quicksight_loading import loading, mark
from segment_assets.resources.aws.quicksight_permissions import DASHBOARD, DATA_SET, DATA_SOURCE, granted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.dashboard.quicksight import Bundle
    from segment_assets.resources.aws.session import AwsSession

CREATED, UPDATED, UNCHANGED, LOADING = "created", "updated", "unchanged", "loading"
_LATEST, _PUBLISHED = "$LATEST", "$PUBLISHED"
# Of a data source that QuickSight cannot use, and of a dashboard: for whoever governs QuickSight's rights.
_RIGHTS = frozenset({"ACCESS_DENIED", "COPY_SOURCE_NOT_FOUND", "DATA_SET_NOT_FOUND", "SOURCE_NOT_FOUND"})
_NEXT = (
    "let QuickSight use Athena, its results' place and the lake's insight tables (QuickSight's settings, Security & "
    "permissions), `segment-assets doctor` helps"
)
# What updates do not take.
_ONLY_AT_FIRST = ("Tags", "Type", "Permissions")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QuickSightAccount:
    """One account's QuickSight. `readers` and `authors` are ARNs of its users and groups.

    Its role needs what `segment-assets iam` grants the duty `dashboards`.
    """

    session: AwsSession
    account: str
    partition: str
    workgroup: str
    database: str
    mode: ImportMode
    readers: Sequence[str] = ()
    authors: Sequence[str] = ()
    patience: Patience = dataclasses.field(default_factory=Patience, compare=False)

    def place(self, tenant: str) -> Place:
        """As QuickSight."""
        return Place(
            account=self.account,
            region=self.session.region,
            tenant=tenant,
            workgroup=self.workgroup,
            database=self.database,
            mode=self.mode,
            partition=self.partition,
        )

    def publish(self, bundle: Bundle, versions: Mapping[str, str]) -> Mapping[str, str]:
        """As QuickSight. Raises NeedsHumanError for rights, principals and strangers' resources with our ids."""
        place, done = bundle.place, {"data source": self._data_source(bundle)}
        for table, request in bundle.data_sets.items():
            version = versions.get(table, "") if self.mode is ImportMode.SPICE else ""
            done[f"data set {table}"] = self._data_set(place, table, request, version)
        for page, request in bundle.dashboards.items():
            done[f"dashboard {page}"] = self._dashboard(place, page, request)
        return done

    def _data_source(self, bundle: Bundle) -> str:
        request, what = _without_account(bundle.data_source), "QuickSight data source"
        name, calls = request["DataSourceId"], self._calls

        def look() -> Any:
            told = calls.look(what, "describe_data_source", DataSourceId=name)
            return told and told["DataSource"]

        def settled() -> Any:
            return calls.settled(what, look, lambda there: there.get("Status", ""))

        wanted = {part: request[part] for part in ("Name", "DataSourceParameters")}
        there, outcome = settled(), UNCHANGED
        if there is None:
            calls.change(lambda: calls.ask(what, "create_data_source", **request), lambda: look() is not None)
            there, outcome = settled(), CREATED
        # One that QuickSight could not use may be usable by now: an update has it look again.
        if outcome != CREATED and (not holds(there, wanted) or there["Status"] not in GOOD):
            calls.refuse_foreign(what, bundle.place.arn("datasource"))
            update = _for_update(request)
            calls.change(lambda: calls.ask(what, "update_data_source", **update), lambda: holds(look(), wanted))
            there, outcome = settled(), UPDATED
        if there["Status"] not in GOOD:
            raise NeedsHumanError(
                f"{what} is {there['Status']} ({there.get('ErrorInfo', {}).get('Type', '')}); {_NEXT}"
            )
        return _either(outcome, granted(calls, what, DATA_SOURCE, name, self.authors))

    def _data_set(self, place: Place, table: str, request: Mapping[str, Any], version: str) -> str:
        request, what, calls = _without_account(request), f"QuickSight data set {table}", self._calls
        name, arn = request["DataSetId"], place.arn("dataset", table)

        def look() -> Any:
            told = calls.look(what, "describe_data_set", DataSetId=name)
            return told and told["DataSet"]

        wanted = {part: request[part] for part in ("Name", "PhysicalTableMap", "ImportMode")}
        there, outcome = look(), UNCHANGED
        if there is None:
            create = request | {"Tags": [*request["Tags"], *mark(version)]}
            calls.change(lambda: calls.ask(what, "create_data_set", **create), lambda: look() is not None)
            there, outcome = look(), CREATED
        if not holds(there, wanted):
            calls.refuse_foreign(what, arn)
            update = _for_update(request)
            calls.change(lambda: calls.ask(what, "update_data_set", **update), lambda: holds(look(), wanted))
            outcome = UPDATED
        outcome = _either(outcome, granted(calls, what, DATA_SET, name, self.authors))
        return LOADING if loading(calls, what, name, arn, version) and outcome == UNCHANGED else outcome

    def _dashboard(self, place: Place, page: str, request: Mapping[str, Any]) -> str:
        request, what, calls = _without_account(request), f"QuickSight dashboard {page}", self._calls
        name, digest = request["DashboardId"], request["VersionDescription"]

        def look(alias: str = _LATEST) -> Any:
            told = calls.look(what, "describe_dashboard", DashboardId=name, AliasName=alias)
            return told and told["Dashboard"]

        def settled() -> Any:
            return calls.settled(what, look, lambda there: there["Version"].get("Status", ""))

        def is_made() -> bool:
            there = settled()
            return there is not None and bool(there["Version"].get("Description") == digest)

        there, outcome = settled(), UNCHANGED
        if there is None:
            calls.change(lambda: calls.ask(what, "create_dashboard", **request), is_made)
            there, outcome = settled(), CREATED
        elif there["Version"].get("Description") != digest or there["Version"]["Status"] not in GOOD:
            calls.refuse_foreign(what, place.arn("dashboard", page))
            update = _for_update(request)
            calls.change(lambda: calls.ask(what, "update_dashboard", **update), is_made)
            there, outcome = settled(), UPDATED
        _refuse_unusable(what, there["Version"])
        number, shown = there["Version"]["VersionNumber"], look(_PUBLISHED)
        if shown is None or shown["Version"]["VersionNumber"] != number:
            calls.ask(what, "update_dashboard_published_version", DashboardId=name, VersionNumber=number)
            outcome = _either(outcome, changed=True)
        who = list(dict.fromkeys([*self.readers, *self.authors]))
        return _either(outcome, granted(calls, what, DASHBOARD, name, who))

    @property
    def _calls(self) -> Calls:
        return Calls(self.session, self.account, self.patience)


def _refuse_unusable(what: str, version: Mapping[str, Any]) -> None:
    """QuickSight's messages may quote a value, so they are not repeated."""
    if version["Status"] in GOOD:
        return
    codes = sorted({error.get("Type", "") for error in version.get("Errors", ())})
    said = f"{what}: version {version['VersionNumber']} is {version['Status']} ({', '.join(codes) or 'without a code'})"
    if _RIGHTS & set(codes):
        raise NeedsHumanError(f"{said}; {_NEXT}")
    raise PermanentError(f"{said}; look at this version in QuickSight, and correct its panel")


def _without_account(request: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "AwsAccountId"}


def _for_update(request: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name not in _ONLY_AT_FIRST}


def _either(outcome: str, changed: bool) -> str:
    return UPDATED if changed and outcome == UNCHANGED else outcome
