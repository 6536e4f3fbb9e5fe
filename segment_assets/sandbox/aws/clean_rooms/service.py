"""The stand-in's operations: what each call does.

Belongs here: one method per operation of queries, and which object answers the others. Not here: HTTP (`app`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.aws.clean_rooms.catalog import Catalog
from segment_assets.sandbox.aws.clean_rooms.faults import Plans
from segment_assets.sandbox.aws.clean_rooms.queries import Queries
from segment_assets.sandbox.aws.clean_rooms.refusing import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_assets.sandbox.aws.clean_rooms.engine import Engine

# Small, so that a few queries are several pages.
_A_PAGE = 10
# Below the time that a client waits for an answer.
_AT_ONCE_SECONDS = 30.0


class CleanRooms:
    """One membership of one collaboration. Without an engine no query is run, and each ends as it was planned.

    `tell` is given the events that EventBridge would get. `calls` are the operations in order, with their parameters.
    With `at_once` a start is answered when its query has ended, which AWS never does: the first look finds the result,
    and a test of many queries need not wait between two looks.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        engine: Engine | None = None,
        *,
        region: str = "us-east-1",
        seconds: float = 0.0,
        at_once: bool = False,
        tell: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.plans = Plans()
        self.catalog = Catalog(document, region)
        self.queries = Queries(
            engine, self.plans, self.catalog.collaboration, seconds=seconds, tell=self._tell_of_a_query
        )
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._region, self._tell, self._at_once = region, tell, at_once
        self._done: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "StartProtectedQuery": self._start,
            "GetProtectedQuery": self._get,
            "UpdateProtectedQuery": self._update,
            "ListProtectedQueries": self._list,
            "BatchGetSchema": self.catalog.batch_get_schema,
            "BatchGetSchemaAnalysisRule": self.catalog.batch_get_schema_analysis_rule,
            "GetMembership": self.catalog.get_membership,
            "GetCollaboration": self.catalog.get_collaboration,
            "ListAnalysisTemplates": self.catalog.list_analysis_templates,
            "BatchGetCollaborationAnalysisTemplate": self.catalog.batch_get_collaboration_analysis_template,
        }

    @property
    def operations(self) -> list[str]:
        """What is answered at all."""
        return list(self._done)

    @property
    def started(self) -> list[str]:
        """Ids of all queries that were ever started, oldest first."""
        return [query.id for query in reversed(self.queries.every())]

    def perform(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked. Raises Refused."""
        self.calls.append((operation, asked))
        return self._done[operation](asked)

    def _start(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self._ours(asked)
        question = asked["sqlParameters"]
        if ("queryString" in question) == ("analysisTemplateArn" in question):
            raise Refused("ValidationException", message="Either a text or a template", reason="INVALID_QUERY")
        query = self.queries.start(asked, self.catalog.text_of(question))
        if self._at_once and query.thread is not None:
            query.thread.join(_AT_ONCE_SECONDS)
        return {"protectedQuery": query.to_aws(self._membership)}

    def _get(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self._ours(asked)
        return {"protectedQuery": self.queries.get(asked["protectedQueryIdentifier"]).to_aws(self._membership)}

    def _update(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self._ours(asked)
        return {"protectedQuery": self.queries.cancel(asked["protectedQueryIdentifier"]).to_aws(self._membership)}

    def _list(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self._ours(asked)
        every = self.queries.every(asked.get("status"))
        first, size = int(asked.get("nextToken") or 0), min(int(asked.get("maxResults") or _A_PAGE), _A_PAGE)
        told = [
            {"id": one.id, **self._membership, "createTime": one.created, "status": one.status}
            | {"receiverConfigurations": []}
            for one in every[first : first + size]
        ]
        more = {"nextToken": str(first + size)} if first + size < len(every) else {}
        return {"protectedQueries": told, **more}

    @property
    def _membership(self) -> dict[str, str]:
        return {"membershipId": self.catalog.membership, "membershipArn": self.catalog.membership_arn}

    def _ours(self, asked: Mapping[str, Any]) -> None:
        self.catalog.get_membership(asked)

    def _tell_of_a_query(self, query_id: str, how: str) -> None:
        """The detail of real events is not documented; this one is a guess that nobody may rely on."""
        arn = f"{self.catalog.membership_arn}/protectedquery/{query_id}"
        if self._tell is None:
            return
        self._tell({
            "version": "0", "source": "aws.cleanrooms", "detail-type": f"Protected Query {how}",
            "account": self.catalog.account, "region": self._region, "resources": [arn],
            "detail": {"protectedQueryId": query_id, "membershipId": self.catalog.membership},
        })  # fmt: skip
