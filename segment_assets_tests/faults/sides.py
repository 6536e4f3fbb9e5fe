"""The two platforms of the drill: what the one scenario has to know about each. Everything else is the same for both."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from segment_assets.destinations import google, meta
from segment_assets_tests.fakes import marked

if TYPE_CHECKING:
    from segment_assets.contracts import Contract, Destination

META_STATEMENTS = {"customer_file_source": "USER_PROVIDED_ONLY"}
GOOGLE_STATEMENTS = {
    "terms_of_service": "ACCEPTED",
    "data_source_type": "DATA_SOURCE_TYPE_FIRST_PARTY",
    "consent_ad_user_data": "CONSENT_GRANTED",
    "consent_ad_personalization": "CONSENT_GRANTED",
}


@dataclasses.dataclass(frozen=True)
class Side:
    """One platform account of the sandbox.

    `people`, `creations`, `removals`: the calls that carry people, make an audience, take people out, as fault rules
    match them. `prefix`: what tells the platform's normal form of an identifier from another's in these tests.
    `works_later`: an answer is only a job, so a run is followed until its jobs have ended.
    """

    name: str
    account: str
    token: str
    contract: Contract
    statements: Mapping[str, str]
    people: str
    creations: Mapping[str, str]
    removals: Mapping[str, str]
    prefix: str
    works_later: bool
    connect: Callable[[str, Contract, Mapping[str, str]], Destination] = dataclasses.field(repr=False)

    def holds(self, identifier: str) -> str:
        """An identifier as the platform keeps it."""
        return marked(self.prefix + identifier)


META = Side(
    name="meta",
    account="1001",
    token="sandbox-meta-token",
    contract=meta.CONTRACT,
    statements=META_STATEMENTS,
    people="/users$",
    creations={"path": "/customaudiences$"},
    removals={"method": "DELETE", "path": "/users$"},
    prefix="",
    works_later=False,
    connect=lambda account, contract, _: meta.MetaCustomAudiences(account, contract=contract),
)
GOOGLE = Side(
    name="google",
    account="1234567890",
    token="sandbox-google-token",
    contract=google.CONTRACT,
    statements=GOOGLE_STATEMENTS,
    people="/audienceMembers:",
    creations={"path": "/userLists$"},
    removals={"path": "/audienceMembers:remove$"},
    prefix="google:",
    works_later=True,
    connect=lambda account, contract, said: google.GoogleDataManager(account, statements=said, contract=contract),
)
SIDES = {side.name: side for side in (META, GOOGLE)}
