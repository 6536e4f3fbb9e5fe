"""Ads Data Manager behind its paths: the platform object, which hands each call to the room that answers it."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.amazon_ads import datasets, erasing, errors, members, sharing, tokens
from segment_assets.sandbox.platforms.amazon_ads.visit import ADVERTISER, MANAGER, PLATFORM, Visit
from segment_assets.sandbox.platforms.kit import audiences, windows
from segment_assets.sandbox.platforms.kit.clock import Clock
from segment_assets.sandbox.platforms.kit.exchange import Answer, answer_or_roll_back
from segment_assets.sandbox.platforms.kit.faults import Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.exchange import Call
    from segment_assets.sandbox.platforms.kit.faults import Rule

_TERMS, _ROOMS = "/adm/terms", "/adm/datarooms"
_LISTS = "/adm/audiences"
_LIST, _MEMBERS = "/adm/audiences/{dataset}", "/adm/audiences/{dataset}/members"
_DATASET, _METRICS = "/adm/datasets/{dataset}", "/adm/datasets/{dataset}/metrics"
_RULES, _RULE_LIST, _REVOKE = "/adm/sharingRules", "/adm/sharingRules/list", "/adm/sharingRules/{rule}/revoke"
_DELETION = "/adm/identities/delete"
_TOKEN = "/auth/o2/token"  # noqa: S105  a path


class AmazonAds:
    """The simulated platform. Holds no state of its own: everything is in the store."""

    name = PLATFORM
    shape = members.SHAPE
    templates: tuple[str, ...] = (
        *(_TERMS, _ROOMS, _LISTS, _LIST, _MEMBERS, _DATASET, _METRICS),
        *(_RULE_LIST, _REVOKE, _RULES, _DELETION, _TOKEN),
    )
    switches = frozenset(
        {"tokens", "token_ends", "calls_per_second", "terms_accepted", "data_rooms", "rejected_share", "removes_by"}
    )
    account_switches: frozenset[str] = frozenset()
    audience_switches: frozenset[str] = frozenset()

    def prepare(self, db: sqlite3.Connection) -> None:
        """The tables of calls and sharing rules, and the first accounts."""
        db.execute(windows.TABLES)
        db.execute(sharing.TABLES)
        for account in (MANAGER, ADVERTISER):
            audiences.add_account(db, self.name, account)

    def answer(self, call: Call, db: sqlite3.Connection, clock: Clock) -> Answer:
        """Answer a call."""
        if call.template == _TOKEN:
            return tokens.renew(call, db, clock.now())
        return _answered(Visit(call, db, clock.now()))

    def trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        """Injected faults in Amazon's own form. Poison is a member that is refused, while the others are taken."""
        if rule.kind is Kind.POISON and rule.names_members:
            return _answered(Visit(call, db, Clock(db).now(), is_poisoned=rule.poisoned))
        if rule.kind is Kind.POISON:
            return errors.error_answer(400, "The request is not valid")
        if rule.kind is Kind.EXPIRED_TOKEN:
            return errors.error_answer(401, "Unauthorized")
        if rule.kind is Kind.STATUS:
            return errors.error_answer(rule.status, "The service is not available")
        return errors.throttled(1.0)

    def state(self, audience: sqlite3.Row, db: sqlite3.Connection, clock: Clock) -> str:
        """Whether a dataset reaches anybody, and whether it is matched. Amazon has no word for it."""
        if audiences.detail(audience).get("deleted"):
            return "deleted, and kept by the DSP"
        if not sharing.is_shared(db, audience["id"]):
            return "not shared"
        return "shared" if datasets.matched(audience, clock.now()) else "shared, not matched yet"


def _answered(visit: Visit) -> Answer:
    answer = visit.stopped() or answer_or_roll_back(visit.db, partial(_perform, visit))
    return dataclasses.replace(answer, account=visit.account, audience=visit.audience, records=visit.records)


def _perform(visit: Visit) -> Answer:
    do = _CALLS.get((visit.call.method, visit.call.template))
    if do is None:
        errors.refuse(405, "This address has no such method")
    return do(visit)


_CALLS: dict[tuple[str, str], Callable[[Visit], Answer]] = {
    ("GET", _TERMS): datasets.terms,
    ("PATCH", _TERMS): datasets.accept_terms,
    ("GET", _ROOMS): datasets.show_room,
    ("POST", _ROOMS): datasets.make_room,
    ("GET", _LISTS): datasets.every,
    ("POST", _LISTS): datasets.create,
    ("GET", _LIST): datasets.show,
    ("POST", _MEMBERS): members.ingest,
    ("DELETE", _DATASET): datasets.delete,
    ("GET", _METRICS): datasets.metrics,
    ("POST", _RULES): sharing.create,
    ("POST", _RULE_LIST): sharing.every,
    ("PATCH", _REVOKE): sharing.revoke,
    ("POST", _DELETION): erasing.erase,
}
