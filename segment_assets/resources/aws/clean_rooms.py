"""AWS Clean Rooms as the clean room: protected queries over the API, results from S3.

Belongs here: the calls, their order and their pace. Not here: what is asked (`clean_rooms_requests`), what answers mean
(`clean_rooms_answers`), what is looked at before anything is paid for (`clean_rooms_preflight`).

Documented: states, error codes, result locations, quotas. Tried: against the stand-in of `sandbox.aws.clean_rooms`,
which is validated by botocore's service model. Never tried: AWS itself; where a query's files lie below its location
and how they are named is not documented either, and not relied on.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError, Quota, SegmentAssetsError, TransientError
from segment_assets.resources.aws.clean_rooms_answers import asked, outcome_of, started
from segment_assets.resources.aws.clean_rooms_events import ended_queries
from segment_assets.resources.aws.clean_rooms_requests import (
    Worker,
    bucket_and_prefix,
    checked_membership,
    checked_payer,
    checked_templates,
    start_request,
)
from segment_assets.resources.clean_room import Pace, QueryState, ResultFormat, UnansweredError
from segment_assets.resources.clean_room.results import read_batches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import pyarrow as pa

    from segment_assets.delivery import pacing
    from segment_assets.resources.aws.clean_rooms_events import EventSource
    from segment_assets.resources.aws.clean_rooms_preflight import Preflight
    from segment_assets.resources.aws.session import AwsSession
    from segment_assets.resources.clean_room import ProtectedQuery, QueryOutcome

# The documented rate of nearly every call; one of the five is left to the console and other processes.
API_RATE = Quota(requests=4, per_seconds=1.0)


@dataclasses.dataclass(frozen=True, slots=True)
class AwsCleanRoom:
    """A `CleanRoom` that is a membership in a collaboration of AWS Clean Rooms.

    `results` is the folder that results are written below, in a bucket that is no source of the collaboration. A query
    whose name is in `templates` is started as that approved template. `payer` is the account that pays where members
    share that. `usd_per_unit` is the price of a CRPU-hour; 0 estimates nothing. With a `preflight`, a query is judged
    and its tables are looked at before it is started. `queue` brings the events of EventBridge.
    """

    session: AwsSession
    membership: str
    results: str
    worker: tuple[str, int] = ("CR.1X", 4)
    templates: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    payer: str = ""
    usd_per_unit: float = 0.0
    preflight: Preflight | None = dataclasses.field(default=None, repr=False)
    queue: EventSource | None = dataclasses.field(default=None, repr=False)
    pace: Pace = dataclasses.field(default_factory=Pace, repr=False)
    quota: Quota = dataclasses.field(default=API_RATE, repr=False)

    def __post_init__(self) -> None:
        checked_membership(self.membership)
        checked_payer(self.payer)
        checked_templates(self.templates)
        bucket_and_prefix(self.results)
        Worker(*self.worker)

    def start(self, query: ProtectedQuery) -> str:
        """One call, which is never repeated here: AWS takes no token that would make a second one harmless."""
        what = f"Clean Rooms, starting {query.name}"
        request = start_request(
            query,
            membership=self.membership,
            results=self.results,
            templates=self.templates,
            worker=Worker(*self.worker),
            payer=self.payer,
        )
        if self.preflight is not None:
            self.preflight.check(query, self.templates.get(query.name, ""))
        with asked(what):
            # Keys that are renewed within the call would make a silent STS look like a silent Clean Rooms.
            self.session.credentials()
            client = self.session.client("cleanrooms", attempts=1)
        self._take_a_turn()
        with started(what):
            answer = client.start_protected_query(**request)
        query_id = _member(answer, "id")
        if not query_id:
            raise UnansweredError(f"{what}: the answer names no query")
        return str(query_id)

    def look(self, query_id: str) -> QueryOutcome:
        """How a query is now."""
        told = self._get(query_id)
        return outcome_of(query_id, told, worker=Worker(*self.worker), usd_per_unit=self.usd_per_unit)

    def cancel(self, query_id: str) -> None:
        """Ask for the end of a query. AWS refuses that for one that has ended, which is as good."""
        try:
            self._call("update_protected_query", "cancelling a query", query_id, targetStatus="CANCELLED")
        except PermanentError:
            state = self.look(query_id).state
            if not state.final and state is not QueryState.CANCELLING:
                raise

    def find(self, query: ProtectedQuery, since: float) -> list[str]:
        """Queries with this text, or started as the template of its name with the same parameters.

        The order of ListProtectedQueries is not documented, so that every page is read. A query that was started as a
        template which the deployment names no more is not found.
        """
        created = {
            told["id"]: told["createTime"].timestamp()
            for told in self._listed()
            if told["createTime"].timestamp() >= since
        }
        return [query_id for query_id in sorted(created, key=lambda one: created[one]) if self._asks(query_id, query)]

    def read(
        self, location: str, schema: pa.Schema, result_format: ResultFormat = ResultFormat.PARQUET
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a result, with this session's credentials."""
        filesystem = self.session.filesystem() if location.startswith("s3://") else None
        return read_batches(location, schema, result_format, filesystem)

    def announced(self) -> Collection[str] | None:
        """Queries that EventBridge says have ended. None without a queue, or while it cannot be read."""
        if self.queue is None:
            return None
        try:
            return ended_queries(self.queue)
        except SegmentAssetsError:
            return None

    def _asks(self, query_id: str, query: ProtectedQuery) -> bool:
        asked_there = self._get(query_id).get("sqlParameters") or {}
        if "queryString" in asked_there:
            return _words(asked_there["queryString"]) == _words(query.sql)
        template = asked_there.get("analysisTemplateArn")
        same = (asked_there.get("parameters") or {}) == dict(query.parameters)
        return template is not None and template == self.templates.get(query.name) and same

    def _get(self, query_id: str) -> dict[str, Any]:
        answer = self._call("get_protected_query", f"query {query_id}", query_id)
        if not _member(answer, "status"):
            raise TransientError(f"Clean Rooms, query {query_id}: the answer does not say how it is; asked again later")
        told: dict[str, Any] = answer["protectedQuery"]
        return told

    def _listed(self) -> Iterator[dict[str, Any]]:
        token, seen = "", set[str]()
        while True:
            page = self._call(
                "list_protected_queries", "listing queries", maxResults=100, **({"nextToken": token} if token else {})
            )
            yield from page.get("protectedQueries") or []
            token = page.get("nextToken") or ""
            if not token:
                return
            if token in seen:
                raise TransientError("Clean Rooms, listing queries: the pages repeat themselves; asked again later")
            seen.add(token)

    def _call(self, operation: str, what: str, query_id: str = "", **more: Any) -> dict[str, Any]:
        about = {"protectedQueryIdentifier": query_id} if query_id else {}
        self._take_a_turn()
        with asked(f"Clean Rooms, {what}"):
            client = self.session.client("cleanrooms")
            answer: dict[str, Any] = getattr(client, operation)(membershipIdentifier=self.membership, **about, **more)
        return answer

    def _take_a_turn(self) -> None:
        _turns(self.membership, self.quota).take_a_turn()


@functools.cache
def _turns(membership: str, quota: Quota) -> pacing.Pace:
    """One pace for a membership in this process, whoever calls."""
    from segment_assets.delivery import pacing

    return pacing.Pace(quota, membership)


def _member(answer: Mapping[str, Any], name: str) -> Any:
    return (answer.get("protectedQuery") or {}).get(name)


def _words(sql: str) -> str:
    """A text without its line ends and indents, which a service may change on the way."""
    return " ".join(sql.split())
